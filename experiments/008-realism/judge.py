"""Turn every person's head up and predict all poses, as rendered and turned, in one process.

``python experiments/008-realism/judge.py CKPT DIR JUDGE`` reads the datasets in DIR/data and
DIR/control/NAME, and writes turned ones to DIR/upright and COCO results to DIR/results/JUDGE.
Controls are judged with heads up only. CKPT is movenet-thunder.json or
``bundled:movenet-lightning``; JUDGE is ``thunder`` or ``lightning``. Existing poses are kept.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from turn import turn_split

from fidip.cli import config_dir
from fidip.core.people import Annotation
from fidip.data import PoseDataset
from fidip.data.annotations import inspect_annotations
from fidip.evaluate import predict
from fidip.io.run_directory import write_json
from fidip.metrics import to_coco_results

SIZES = {"thunder": 256, "lightning": 192}


def settings(ckpt: str, judge: str) -> DictConfig:
    """What ``fidip evaluate`` composes for a judge, without averaging over the mirrored image."""
    overrides = [
        f"ckpt={ckpt}",
        "experiment=pretrain_coco",
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
    for part in ("data/*/*_infant_*", "control/*/*/*", "data/*/*_adult_*"):
        for file in sorted(work.glob(f"{part}.json")):
            yield file.parent.parent, file.stem.removeprefix("person_keypoints_")


def main(ckpt: str, work: Path, judge: str) -> None:
    config = settings(ckpt, judge)
    for root, split in splits(work):
        turned = work / "upright" / root.relative_to(work)
        if not (turned / "annotations" / f"person_keypoints_{split}.json").exists():
            turn_split(root, split, turned)
        needless = {person.image_id for person in read(turned, split)}
        if "control" not in root.relative_to(work).parts:
            needless = set()
        for folder, left_out in ((root, needless), (turned, set())):
            out = work / "results" / judge / folder.relative_to(work) / f"{split}.json"
            if not out.exists():
                people = [p for p in read(folder, split) if p.image_id not in left_out]
                data = PoseDataset(people, (SIZES[judge], SIZES[judge]))
                results = (
                    to_coco_results(predict(config, config, data), decimals=4) if people else []
                )
                out.parent.mkdir(parents=True, exist_ok=True)
                write_json(out, results)
                print(out, flush=True)


def read(root: Path, split: str) -> Sequence[Annotation]:
    """The people of a split; of a turned one there may be none."""
    file = root / "annotations" / f"person_keypoints_{split}.json"
    return inspect_annotations(file, root / "images" / split).people.labelled


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
