"""Where the error in kicks comes from: python source_of_error.py DATA SPLIT OUT.csv [CKPT].

Tracks the infant in every clip as fidip predict does, without smoothing, and writes the error in
kicks by part: the part that lasts over five frames, which no mean of their predictions removes,
however well it knows the movement; hidden and visible joints; gross errors; and kinds of clips.
"""

from __future__ import annotations

import csv
import json
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fidip.cli.loading import load_predictor
from fidip.inference import VideoPipeline
from fidip.io.coco import annotation_file
from fidip.metrics.track_quality import rapid, torso_length

HALF = 2
"""Frames before and after that a sequence network sees."""
GROSS = 0.5
"""Torso lengths."""
KICK = runpy.run_path(str(Path(__file__).parents[1] / "004-smoothing" / "table.py"))["KICK"]

Floats = NDArray[np.float64]


def lasting(error: Floats) -> Floats:
    """Return the mean of (T, K, 2) errors over the frames around each, as far as they are known."""
    padded = np.pad(error, ((HALF, HALF), (0, 0), (0, 0)), constant_values=np.nan)
    window = np.lib.stride_tricks.sliding_window_view(padded, 2 * HALF + 1, axis=0)
    mean: Floats = np.nanmean(window, axis=-1)
    return mean


def kicks(data: Path, split: str, ckpt: str) -> Iterator[list[object]]:
    """Yield kind, is_visible, squared error and its lasting part of every joint in a kick."""
    truth = json.loads(annotation_file(data, split).read_text(encoding="utf-8"))
    people = {person["image_id"]: person for person in truth["annotations"]}
    pipeline = VideoPipeline(load_predictor(ckpt))
    for video in truth["videos"]:
        track = pipeline.run(data / "videos" / split / video["file_name"])
        ids = [image["id"] for image in truth["images"] if image["video_id"] == video["id"]]
        labels = np.array([people[i]["keypoints"] for i in ids], float).reshape(len(ids), -1, 3)
        xy = np.where(labels[..., 2:] > 0, labels[..., :2], np.nan)
        error = (track.xy - xy) / torso_length(xy)
        means = lasting(error)
        is_kick = rapid(track.times, xy, KICK) & np.isfinite(error).all(-1)
        for t, joint in np.argwhere(is_kick):
            yield [
                *(video["kind"], bool(labels[t, joint, 2] == 2)),
                *((error[t, joint] ** 2).sum(), (means[t, joint] ** 2).sum()),
            ]


def main(data: Path, split: str, out: Path, ckpt: str = "bundled:movenet-infant") -> None:
    """Write the table."""
    columns = zip(*kicks(data, split, ckpt), strict=True)
    kind, visible, squared, rest = map(np.array, columns)
    parts = {
        "all": np.ones(len(kind), bool),
        "visible joints": visible,
        "hidden joints": ~visible,
        f"errors above {GROSS} torso lengths": squared > GROSS**2,
        **{f"clips: {name}": kind == name for name in sorted(set(kind))},
    }
    rows = [
        {
            "part": name,
            "joints": int(where.sum()),
            "fraction of squared error": round(float(squared[where].sum() / squared.sum()), 3),
            "error": round(float(np.sqrt(squared[where].mean())), 3),
            "lasting error": round(float(np.sqrt(rest[where].mean())), 3),
        }
        for name, where in parts.items()
    ]
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print(*row.values(), sep="  ")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), *sys.argv[4:])
