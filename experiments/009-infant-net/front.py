"""AP on what is new and on what must be kept, along the line from the adult net to trained nets.

python front.py TABLE.csv SIDE SHARES SPLIT... -- CKPT...

SIDE is the side of the crop in px; SHARES are the fractions of the trained weights, such as
0,.4,.6,.8,1; a SPLIT is ROOT:NAME[:COUNT], people in labelled boxes; a CKPT is a checkpoint of
fidip train or a file of weights.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch.utils.data import DataLoader
from tqdm import tqdm

from fidip.core.people import People
from fidip.core.poses import Poses
from fidip.core.samples import Batch
from fidip.data import PoseDataset, read_annotations
from fidip.data.layout import find_split
from fidip.inference.predictor import Predictor
from fidip.inference.runtime import TorchRuntime
from fidip.io.paths import config_dir
from fidip.metrics import validation_scores
from fidip.nn import interpolate
from fidip.nn.weights.checkpoint_files import read_weights

ADULT = "bundled:movenet-lightning"


def main(table: Path, side: int, shares: list[float], splits: list[str], ckpts: list[str]) -> None:
    people = {split: people_of(split) for split in splits}
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        sizes = [f"codec.input_wh=[{side},{side}]", f"codec.heatmap_wh=[{side // 4},{side // 4}]"]
        config = compose("train", ["net=movenet_lightning_full", "codec=movenet_192", *sizes])
    net, codec = instantiate(config.net).eval(), instantiate(config.codec)
    adult = read_weights(ADULT).tensors
    rows = []
    for ckpt in ckpts:
        found = read_weights(ckpt).tensors
        trained = {name: found[name] for name in adult}  # without what a method keeps
        for share in tqdm(shares, desc=Path(ckpt).parent.parent.name):
            net.load_state_dict(interpolate(adult, trained, share))
            aps = {split: ap(net, codec, some) for split, some in people.items()}
            rows.append({"ckpt": ckpt, "share": share, **aps})
            print(
                {k: round(v, 3) if isinstance(v, float) else v for k, v in rows[-1].items()},
                flush=True,
            )
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def people_of(split: str) -> People:
    """The people of ROOT:NAME[:COUNT]."""
    root, name, *count = split.split(":")
    found = find_split(Path(root), name)
    people = read_annotations(found.json, *found.image_dirs).people
    return people.part(people.labelled[: int(count[0])]) if count else people


@torch.inference_mode()
def ap(net: torch.nn.Module, codec: object, people: People) -> float:
    """AP in labelled boxes, mirrored images averaged."""
    dataset = PoseDataset(people.labelled, codec.input_wh)
    predictor = Predictor(TorchRuntime(net, "cpu"), codec)
    batches = DataLoader(dataset, 32, collate_fn=Batch.collate)
    poses = Poses.concatenate([predictor.predict_batch(batch)[1] for batch in batches])
    return validation_scores(poses, people)["val/AP"]


if __name__ == "__main__":
    marker = sys.argv.index("--")
    file, size, parts, *names = sys.argv[1:marker]
    main(Path(file), int(size), [float(s) for s in parts.split(",")], names, sys.argv[marker + 1 :])
