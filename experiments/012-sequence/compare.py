"""Compare networks for single frames and for sequences on labelled clips.

    python compare.py DATA SPLIT OUT.csv NAME=CKPT ...

DATA is a folder of preset=clips_hard, preset=sequence or preset=clips, and SPLIT one of its splits.
Each network tracks the infant in every clip as fidip predict does, with and without the Kalman
filter. OUT.csv keeps the rows of an earlier call: networks that are in it are not run again.
"""

from __future__ import annotations

import csv
import io
import json
import runpy
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from fidip.cli import instantiate
from fidip.cli.loading import load_predictor
from fidip.core.track import Track
from fidip.inference import VideoPipeline
from fidip.io.atomic import write_text_atomic
from fidip.io.coco import annotation_file
from fidip.io.paths import config_dir
from fidip.metrics.error_kinds import KINDS, error_kinds

SMOOTHINGS = ("none", "kalman")
FIGURES = Path(__file__).parents[1] / "004-smoothing" / "table.py"
"""Script of the experiment on smoothing, which computes the figures of tracks."""


def follow(ckpt: str, videos: list[Path]) -> tuple[list[Track], float]:
    """Return the track of each video without smoothing, and frames per second."""
    pipeline, start = VideoPipeline(load_predictor(ckpt)), perf_counter()
    tracks = [pipeline.run(video) for video in videos]
    return tracks, sum(map(len, tracks)) / (perf_counter() - start)


def inverted(truth: dict[str, Any], tracks: list[Track], people: Any) -> float:
    """Return the fraction of labelled joints at the place of their left or right counterpart."""
    images = {person.image_id: row for row, person in enumerate(people)}
    ids = [image["id"] for image in truth["images"]]
    xy = np.concatenate([np.nan_to_num(track.xy, nan=-1e6) for track in tracks])
    rows = [row for row, number in enumerate(ids) if number in images]
    index = np.array([images[ids[row]] for row in rows])
    kinds = error_kinds(xy[rows], index, people)
    return float((kinds == KINDS.index("inversion")).sum() / (kinds >= 0).sum())


def main(data: Path, split: str, table: Path, *nets: str) -> None:
    """Predict, compare, and add rows to the table."""
    script = runpy.run_path(str(FIGURES))
    truth = json.loads(annotation_file(data, split).read_text(encoding="utf-8"))
    people = script["labelled"](truth)
    videos = [data / "videos" / split / video["file_name"] for video in truth["videos"]]
    rows = list(csv.DictReader(table.open(newline=""))) if table.is_file() else []
    for net in nets:
        name, _, ckpt = net.partition("=")
        if any(row["net"] == name for row in rows):
            continue
        tracks, fps = follow(ckpt, videos)
        for smoothing in SMOOTHINGS:
            smooth = instantiate(OmegaConf.load(config_dir() / "smoothing" / f"{smoothing}.yaml"))
            smoothed = [smooth(track) for track in tracks]
            found = script["figures"](truth, smoothed)
            swaps = round(inverted(truth, smoothed, people), 4)
            row = {
                "net": name,
                "smoothing": smoothing,
                **found,
                "swaps": swaps,
                "fps": round(fps, 1),
            }
            rows.append({key: str(value) for key, value in row.items()})
            print(rows[-1], flush=True)
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text_atomic(table, text.getvalue())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), *sys.argv[4:])
