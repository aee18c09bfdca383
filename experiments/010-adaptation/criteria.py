"""Compute label-free criteria of finished runs: python criteria.py OUTPUTS OUT.csv.

OUTPUTS is as for report.py. OUT.csv gets a row for each run that has unlabelled images of the
target: ``agreement`` and ``teacher_agreement``, as training logs them below ``val/``;
``similarity`` of the views, which is the agreement before it is corrected for chance; and
``confidence``, the mean score of the keypoints. All are of the weights that were tested. Runs that
have a row are skipped. Paths in the settings of the runs are relative to the current folder.
"""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fidip.adapt.agreement import ViewPredictions
from fidip.cli.loading import saved_config
from fidip.cli.targets import instantiate
from fidip.core.data_parts import DataPart
from fidip.io.atomic import write_text_atomic
from fidip.io.run_directory import RunDirectory
from fidip.metrics import view_agreement
from fidip.tasks.callbacks.target_agreement import AT_MOST, keypoint_predictor

CRITERIA = ("agreement", "teacher_agreement", "similarity", "confidence")


def criteria_of(run: RunDirectory) -> dict[str, float]:
    """Return the criteria of a run; none without unlabelled images of the target."""
    config = saved_config(run, overrides=["data.num_workers=0"])
    data, task = instantiate(config.data), instantiate(config.task)
    data.setup("fit")
    if DataPart.UNLABELLED_TARGET not in data.delivers:
        return {}
    restore(task, run.weights())
    return criteria_on(task, data.target_dataloader(AT_MOST))


def restore(task: Any, checkpoint: Path) -> None:
    """Load the weights of a checkpoint into a task, and those of its teacher."""
    saved = torch.load(checkpoint, weights_only=True, map_location="cpu")
    if "method" in saved:
        task.method.begin(task.net)
        task.method.load_hidden_state(saved["method"])
    task.load_state_dict(saved["state_dict"])
    task.eval()


@torch.no_grad()
def criteria_on(task: Any, batches: Any) -> dict[str, float]:
    """Return the criteria of a task with its weights on batches of the target."""
    scores = []

    def predict(crops: Tensor) -> Tensor:
        xy: Tensor
        xy, confidence = task.codec.decode(task.net(task.net.normalize(crops)).heatmaps)
        scores.append(confidence.flatten())
        return xy

    labelling_net = task.labelling_net
    teacher = None if labelling_net is None else keypoint_predictor(labelling_net, task.codec)
    found = ViewPredictions.of(predict, batches, teacher)
    return {
        **found.criteria(),
        "similarity": float(view_agreement(found.xy, found.area).mean()),
        "confidence": float(torch.cat(scores).mean()),
    }


def read(file: Path) -> dict[str, dict[str, str]]:
    """Return the rows of OUT.csv by run; none if there is no file."""
    if not file.is_file():
        return {}
    with file.open(newline="", encoding="utf-8") as lines:
        return {row["run"]: row for row in csv.DictReader(lines)}


def main(outputs: Path, out: Path) -> None:
    """Compute the criteria of the runs that have no row, and write each row when it is known."""
    rows = read(out)
    for results in sorted(outputs.glob("adaptation*-*/*/*/results.json")):
        name = str(results.parent.relative_to(outputs))
        if name in rows:
            continue
        found = criteria_of(RunDirectory(results.parent))
        rows[name] = {"run": name, **{key: f"{value:.4f}" for key, value in found.items()}}
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, ["run", *CRITERIA], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows.values())
        write_text_atomic(out, text.getvalue())
        print(*rows[name].values(), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
