"""Mean OKS of people in runs of ``fidip evaluate``, and by how much it differs from the first run's.

    python experiments/005-transfer/differences.py COCO_DIR=RUN COCO_DIR=RUN ...

COCO_DIR holds what RUN was evaluated on: the same people in all, in the photographs of the first.
Intervals: 4,000 bootstraps over photographs.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from fidip.metrics.oks import oks_per_joint

ANNOTATIONS = "annotations/person_keypoints_val2017.json"


def labelled(root: Path) -> list[dict]:
    people = json.loads((root / ANNOTATIONS).read_text(encoding="utf-8"))["annotations"]
    return [p for p in people if p["num_keypoints"] and not p["iscrowd"]]


def oks_of_people(root: Path, run: Path) -> dict[int, float]:
    """By annotation id: a person's OKS, averaged over labelled joints."""
    waiting = defaultdict(list)
    for person in labelled(root):
        waiting[person["image_id"]].append(person)
    out = {}
    for result in json.loads((run / "predictions.json").read_text(encoding="utf-8")):
        person = waiting[result["image_id"]].pop(0)  # in the annotations' order
        true = np.array(person["keypoints"], float).reshape(1, 17, 3)
        found = np.array(result["keypoints"]).reshape(1, 17, 3)[..., :2]
        oks = oks_per_joint(found, true, np.array([person["area"]]))
        out[person["id"]] = float(np.nanmean(oks))
    return out


def main() -> None:
    runs = [tuple(map(Path, pair.split("=", 1))) for pair in sys.argv[1:]]
    people = labelled(runs[0][0])
    photographs = np.array([p["image_id"] for p in people])
    scores = []
    for root, run in runs:
        oks = oks_of_people(root, run)
        scores.append(np.array([oks[p["id"]] for p in people]))
    for (_, run), score in zip(runs, scores, strict=True):
        difference, rng = score - scores[0], np.random.default_rng(0)
        groups = [difference[photographs == i] for i in np.unique(photographs)]
        drawn = [
            np.concatenate([groups[i] for i in rng.integers(len(groups), size=len(groups))]).mean()
            for _ in range(4000)
        ]
        low, high = np.percentile(drawn, [2.5, 97.5])
        print(f"{run}: {score.mean():.3f}  {difference.mean():+.3f} ({low:+.3f} to {high:+.3f})")


if __name__ == "__main__":
    main()
