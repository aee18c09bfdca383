"""Time of the parts of ``fidip evaluate``: ``python benchmarks/evaluation.py``.

Scores 200 synthetic images with the paper's MobileNetV2 at 224x224, random weights and the flip
test on the CPU: reading, cropping, decoding, the ten metrics with their intervals, and the error
analysis. Imports are not counted. Target: at least 85 % of the time in the network.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import hydra
import torch
from safetensors.torch import save_file

from fidip import evaluate, synthesize
from fidip.cli import config_dir
from fidip.nn import PoseNet

PEOPLE = 200
ROUNDS = 5
INFANTS = f"[{{group: infant, appearance: varied, is_synthetic: false, count: {PEOPLE}}}]"
SPLITS = f"{{validate_infant: {INFANTS}}}"
EXPERIMENT = "experiment=finetune_mobilenet_syrip"


def run(command: Any, *arguments: str) -> None:
    """Run a command of fidip in this process."""
    sys.argv = ["fidip", *arguments]
    command.main()


def make_data(folder: Path) -> None:
    """Render the test infants of the demo."""
    run(
        synthesize,
        "preset=tiny",
        "preset.size_wh=[256,256]",
        f"preset.splits={SPLITS}",
        f"out={folder}",
    )


def make_weights(file: Path) -> None:
    """Write random weights of the network, including BatchNorm statistics."""
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = hydra.compose("train", [EXPERIMENT, "data.root=x", "ckpt=null"])
    net = hydra.utils.instantiate(config.net)
    save_file({name: tensor.contiguous() for name, tensor in net.state_dict().items()}, file)


class Stopwatch:
    """Seconds spent in the network's forward."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.forward = PoseNet.forward
        PoseNet.forward = self.timed  # type: ignore[method-assign]

    @property
    def timed(self) -> Any:
        def forward(net: PoseNet, images: torch.Tensor) -> Any:
            start = time.perf_counter()
            output = self.forward(net, images)
            self.seconds += time.perf_counter() - start
            return output

        return forward


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_data(folder / "data")
        make_weights(folder / "net.safetensors")
        arguments = [f"ckpt={folder}/net.safetensors", EXPERIMENT, f"data.root={folder}/data"]
        run(evaluate, *arguments, f"out={folder}/warm")
        watch, shares = Stopwatch(), []
        for number in range(ROUNDS):
            watch.seconds, start = 0.0, time.perf_counter()
            run(evaluate, *arguments, f"out={folder}/{number}")
            total = time.perf_counter() - start
            shares.append(watch.seconds / total)
            print(f"{PEOPLE} images: {total:.2f} s, {watch.seconds:.2f} s inside the net")
    low, high = min(shares), max(shares)
    print(
        f"inside the net: {statistics.median(shares):.0%} "
        f"({low:.0%} to {high:.0%}; target: at least 85 %)"
    )


if __name__ == "__main__":
    main()
