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

from torch.utils.data import DataLoader
from turn import turn_split

import fidip
from fidip.core.people import Annotation
from fidip.core.poses import Poses
from fidip.core.samples import Batch
from fidip.data import PoseDataset
from fidip.data.annotations import inspect_annotations
from fidip.inference.predictor import Predictor
from fidip.io.coco import to_coco_results
from fidip.io.json import write_json


def splits(work: Path) -> Iterator[tuple[Path, str]]:
    """Folder of the data set and name of every split below a working folder."""
    for part in ("data/*/*_infant_*", "control/*/*/*", "data/*/*_adult_*"):
        for file in sorted(work.glob(f"{part}.json")):
            yield file.parent.parent, file.stem.removeprefix("person_keypoints_")


def main(ckpt: str, work: Path, judge: str) -> None:
    predictor = fidip.load_predictor(ckpt, runtime="torch", flip_test=False)
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
                results = to_coco_results(predict(predictor, people), 4) if people else []
                out.parent.mkdir(parents=True, exist_ok=True)
                write_json(out, results)
                print(out, flush=True)


def predict(predictor: Predictor, people: Sequence[Annotation]) -> Poses:
    """The poses of people in labelled boxes."""
    dataset = PoseDataset(people, predictor.codec.input_wh)
    batches = DataLoader(dataset, 25, collate_fn=Batch.collate)
    return Poses.concatenate([predictor.predict_batch(batch)[1] for batch in batches])


def read(root: Path, split: str) -> Sequence[Annotation]:
    """The people of a split; of a turned one there may be none."""
    file = root / "annotations" / f"person_keypoints_{split}.json"
    return inspect_annotations(file, root / "images" / split).people.labelled


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
