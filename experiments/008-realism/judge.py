"""Turn every person's head up and predict all poses, as rendered and turned, in one process.

``python experiments/008-realism/judge.py CKPT DIR JUDGE`` reads the data sets in DIR/data, DIR/control/NAME and writes
turned ones to DIR/upright and COCO results to DIR/results/JUDGE. CKPT is movenet-thunder.json or
``bundled:movenet-lightning``; JUDGE is ``thunder`` or ``lightning``. Poses that are there already are kept.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from turn import turn_split

from fidip.cli import config_dir
from fidip.data import PoseDataset, read_annotations
from fidip.evaluate import predict
from fidip.metrics import to_coco_results
from fidip.run_folder import write_json

SIZES = {"thunder": 256, "lightning": 192}


def settings(ckpt: str, judge: str) -> DictConfig:
    """What ``fidip evaluate`` composes for a judge, without averaging over the mirrored image."""
    overrides = [
        f"ckpt={ckpt}",
        "experiment=pretrain_free",
        f"net=movenet_{judge}_full",
        f"codec=movenet_{SIZES[judge]}",
        "task.flip_test=false",
        "data.root=unused",
        "data.num_workers=0",
        "data.batch_size=25",
    ]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("evaluate", overrides)


def splits(work: Path) -> Iterator[tuple[Path, str]]:
    """Folder of the data set and name of every split below a working folder."""
    for file in sorted(work.glob("**/annotations/person_keypoints_validate_*.json")):
        root = file.parent.parent
        if "upright" not in root.parts:
            yield root, file.stem.removeprefix("person_keypoints_")


def main(ckpt: str, work: Path, judge: str) -> None:
    config = settings(ckpt, judge)
    for root, split in splits(work):
        turned = work / "upright" / root.relative_to(work)
        if not (turned / "annotations" / f"person_keypoints_{split}.json").exists():
            turn_split(root, split, turned)
        for folder in (root, turned):
            out = work / "results" / judge / folder.relative_to(work) / f"{split}.json"
            if not out.exists():
                file = folder / "annotations" / f"person_keypoints_{split}.json"
                people = read_annotations(file, folder / "images" / split).people
                poses = predict(config, config, PoseDataset(people, [SIZES[judge]] * 2))
                out.parent.mkdir(parents=True, exist_ok=True)
                write_json(out, to_coco_results(poses))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
