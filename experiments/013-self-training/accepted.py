"""Do the guards notice that a network is wrong? python accepted.py CLIPS CKPT OUT.csv

Labels all clips of preset=clips_hard with CKPT, as the first round of self-training does. OUT.csv
gets a row for each clip: the fraction of joints that the guards accept in the chosen frames, their
mean confidence, and the error of the joints that round 4 would take, in torso lengths.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from adapt import Clip, clips_of
from report import errors

from fidip.cli.self_training import SelfTraining, round_config, teacher_of
from fidip.inference.label_guards import best_ranked
from fidip.inference.self_labels import SelfLabeller, SelfLabels
from fidip.io.atomic import write_text_atomic

SUBJECTS = range(1, 6)


def row_of(
    subject: int, clip: Clip, labels: SelfLabels, settings: SelfTraining
) -> dict[str, object]:
    """Return the row of a clip."""
    frames = labels.chosen(settings.frames)
    confidence, allowed = labels.confidence[frames], labels.allowed[frames]
    taken = best_ranked(confidence, allowed, settings.most)
    xy = np.where(taken[..., None], labels.xy[frames], np.nan)
    error = errors(xy, clip.keypoints[frames], labels.times[frames])[0]
    return {
        "subject": subject,
        "kind": clip.kind,
        "frames": len(frames),
        "accepted": round(float(allowed.mean()), 3),
        "confidence": round(float(confidence.mean()), 3),
        "error": round(float(error.mean()), 3),
        "above_0.3": round(float((error > 0.3).mean()), 3),
    }


def rows(root: Path, ckpt: str) -> Iterator[dict[str, object]]:
    """Yield the rows of all clips."""
    settings = SelfTraining(runtime="torch")
    labeller = SelfLabeller(teacher_of(round_config(root, ckpt, 0, settings), settings))
    for subject in SUBJECTS:
        for clip in clips_of(root, subject):
            row = row_of(subject, clip, labeller(clip.path), settings)
            print(row, flush=True)
            yield row


def main(root: Path, ckpt: str, out: Path) -> None:
    """Label, and write the table."""
    table = list(rows(root, ckpt))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(table[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    write_text_atomic(out, text.getvalue())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
