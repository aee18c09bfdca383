"""AP on what is new and on what must be kept, along the line from the adult net to trained nets.

``python front.py TABLE.csv SIDE FRACTIONS SPLIT... --ckpts CKPT...``; ``--help`` explains them.
"""

from __future__ import annotations

import argparse
import csv
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


def main() -> None:
    options = arguments()
    people = {split: people_of(split) for split in options.splits}
    side = options.side
    sizes = [f"codec.input_wh=[{side},{side}]", f"codec.heatmap_wh=[{side // 4},{side // 4}]"]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("train", [f"net={options.net}", "codec=movenet_192", *sizes])
    net, codec = instantiate(config.net).eval(), instantiate(config.codec)
    adult = read_weights(options.adult).tensors
    rows = []
    for ckpt in options.ckpts:
        found = read_weights(ckpt).tensors
        trained = {name: found[name] for name in adult}  # without what a method keeps
        for fraction in tqdm(options.fractions, desc=Path(ckpt).parent.parent.name):
            net.load_state_dict(interpolate(adult, trained, fraction))
            aps = {split: ap(net, codec, some) for split, some in people.items()}
            rows.append({"ckpt": ckpt, "fraction": fraction, **aps})
            print(
                {k: round(v, 3) if isinstance(v, float) else v for k, v in rows[-1].items()},
                flush=True,
            )
    with options.table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("table", type=Path, help="CSV file to write")
    add("side", type=int, help="side of the crop, px")
    add("fractions", type=numbers, help="fractions of the trained weights, such as 0,.5,1")
    add("splits", nargs="+", help="ROOT:NAME[:COUNT]: people in labelled boxes")
    add("--ckpts", nargs="+", required=True, help="checkpoints of fidip train, or files of weights")
    add("--net", default="movenet_lightning_full", help="default: %(default)s")
    add("--adult", default="bundled:movenet-lightning", help="its weights (default: %(default)s)")
    return parser.parse_args()


def numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


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
    main()
