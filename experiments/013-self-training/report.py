"""Compare networks before and after self-training: python report.py CLIPS OUTPUTS OUT [ROUNDS].

OUTPUTS has a folder START/SUBJECT of adapt.py for each start and subject. OUT gets results.csv (AP
and error in kicks in the other clips) and labels.csv (error of the labels of each round). Intervals
are from ROUNDS bootstrap samples of clips, the same for both networks; 1000 if left out.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from adapt import TRAINED, clips_of

from fidip.core.people import Annotation, People
from fidip.core.poses import Poses
from fidip.io.atomic import write_text_atomic
from fidip.io.coco import annotation_file
from fidip.io.json import read_object
from fidip.metrics import track_quality as motion
from fidip.metrics.keypoint_ap import match_keypoints

WH = (256, 256)
KICK = 3.0
"""Torso lengths/s, from which on a joint kicks."""
Clips = dict[str, dict[str, np.ndarray]]


def read(file: Path) -> Clips:
    """Return the predictions and the truth of each clip."""
    clips: Clips = {}
    with np.load(file) as content:
        for name in content.files:
            kind, _, key = name.partition("/")
            clips.setdefault(kind, {})[key] = content[name]
    return clips


def aps(clips: Clips, draws: np.ndarray) -> np.ndarray:
    """Return (R,) AP for (R, C) numbers of how often each clip occurs."""
    whose = np.repeat(np.arange(len(clips)), [len(clip["xy"]) for clip in clips.values()])
    joined = {
        key: np.concatenate([clip[key] for clip in clips.values()])
        for key in ("xy", "scores", "truth", "boxes", "areas")
    }
    people = [
        Annotation(n, n, Path(f"{n}.jpg"), WH, *each)
        for n, each in enumerate(
            zip(joined["boxes"], joined["areas"].tolist(), joined["truth"].astype(float),
                strict=True),
            start=1,
        )
    ]  # fmt: skip
    ids = np.arange(1, len(people) + 1)
    poses = Poses.of_keypoints(joined["xy"], joined["scores"].clip(0, 1), image_ids=ids)
    matches = match_keypoints(People.without_others(people), poses)
    return matches.numbers(draws[:, whose])[:, 0]


def errors(xy: np.ndarray, truth: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return errors in torso lengths of all joints in the image, and of those that kick."""
    inside = truth[..., 2] > 0
    known = np.where(inside[..., None], truth[..., :2], np.nan)
    error = np.linalg.norm(xy - known, axis=-1) / motion.torso_length(known)
    kicks = motion.rapid(times, known, KICK)
    return error[np.isfinite(error)], error[kicks & np.isfinite(error)]


def kick_error(clips: Clips, draw: np.ndarray) -> float:
    """Return the mean error of kicking joints over the drawn clips."""
    found = [errors(clip["xy"], clip["truth"], clip["times"])[1] for clip in clips.values()]
    sums, counts = np.array([each.sum() for each in found]), np.array([len(e) for e in found])
    return float((draw * sums).sum() / max((draw * counts).sum(), 1))


def compared(folder: Path, rounds: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return (1 + ROUNDS,) values of both networks: of all clips, then of drawn clips."""
    both = [read(folder / f"{name}.npz") for name in ("start", "adapted")]
    count = len(both[0])
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=rounds)
    draws = np.concatenate([np.ones((1, count), int), drawn])
    kicks = [np.array([kick_error(clips, draw) for draw in draws]) for clips in both]
    ap = [aps(clips, draws) for clips in both]
    return {"AP": ap[0], "AP_adapted": ap[1], "kick": kicks[0], "kick_adapted": kicks[1]}


def row_of(start: str, subject: str, values: dict[str, np.ndarray]) -> dict[str, object]:
    """Return a row of the table."""
    row: dict[str, object] = {"start": start, "subject": subject}
    for name in ("AP", "kick"):
        before, after = values[name], values[f"{name}_adapted"]
        low, high = np.quantile((after - before)[1:], [0.025, 0.975])
        row |= {f"{name}_before": round(before[0], 3), f"{name}_after": round(after[0], 3)}
        row |= {f"{name}_difference": round(after[0] - before[0], 3)}
        row |= {f"{name}_low": round(low, 3), f"{name}_high": round(high, 3)}
    return row


def results(outputs: Path, rounds: int) -> Iterator[dict[str, object]]:
    """Yield a row for each start and subject, and one for the mean over subjects of each start."""
    for start in sorted(path for path in outputs.iterdir() if path.is_dir()):
        rng = np.random.default_rng(0)
        folders = sorted(path.parent for path in start.glob("*/adapted.npz"))
        found = {folder.name: compared(folder, rounds, rng) for folder in folders}
        for subject, values in found.items():
            yield row_of(start.name, subject, values)
        if found:
            names = next(iter(found.values()))
            means = {n: np.mean([values[n] for values in found.values()], axis=0) for n in names}
            yield row_of(start.name, "mean", means)


def labels(root: Path, outputs: Path) -> Iterator[dict[str, object]]:
    """Yield the errors of the labels of each round against the truth."""
    for file in sorted(outputs.glob("*/*/round*/data/annotations/*_train.json")):
        folder = file.parents[3]
        (clip,) = (c for c in clips_of(root, int(folder.name)) if c.kind == TRAINED)
        content = read_object(annotation_file(file.parents[1], "train"))
        rows = {image["id"]: image["frame_index"] for image in content["images"]}
        xy = np.full((*clip.keypoints.shape[:2], 2), np.nan)
        for person in content["annotations"]:
            points = np.reshape(person["keypoints"], (-1, 3))
            xy[rows[person["image_id"]]] = np.where(points[:, 2:] > 0, points[:, :2], np.nan)
        error, kicks = errors(xy, clip.keypoints, np.arange(len(xy)) / 30)
        yield {
            "start": folder.parent.name,
            "subject": folder.name,
            "round": re.sub(r"\D", "", file.parents[2].name),
            "frames": len(rows),
            "labels": len(error),
            "error": round(float(error.mean()), 3),
            "above_0.3": round(float((error > 0.3).mean()), 3),
            "kick_labels": len(kicks),
            "kick_error": round(float(kicks.mean()), 3) if len(kicks) else "",
        }


def write(rows: list[dict[str, object]], file: Path) -> None:
    """Write a table."""
    text = io.StringIO(newline="")
    if rows:
        writer = csv.DictWriter(text, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_text_atomic(file, text.getvalue())
    print(text.getvalue())


def main(clips: Path, outputs: Path, out: Path, rounds: int = 1000) -> None:
    """Write both tables."""
    write(list(labels(clips, outputs)), out / "labels.csv")
    write(list(results(outputs, rounds)), out / "results.csv")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), *map(int, sys.argv[4:5]))
