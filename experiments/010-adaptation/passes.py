"""Count forward passes of one update: python passes.py ROOT OUT.csv [key=value ...].

ROOT is a folder of preset=adaptation; ``first=2`` is enough. A row has, for a method and data with
or without labels of the target, the crops that pass through a network in one update, the
student's and a teacher's, and those that have gradients. Enlarged crops count by their pixels. Both
are multiples of the batch.
"""

from __future__ import annotations

import csv
import io
import math
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
import pytorch_lightning as pl
from omegaconf import DictConfig
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from fidip.cli.targets import instantiate
from fidip.cli.trainer import make_trainer
from fidip.io.atomic import write_text_atomic
from fidip.io.paths import config_dir
from fidip.nn.pose_net import PoseNet

SWEEPS = {
    "adaptation": "adaptation",
    "adaptation_replay": "adaptation",
    "adaptation_source_free": "adaptation",
    "adaptation_norm": "adaptation_norm",
}
"""Start of the runs of each sweep."""
HEADER = ("start", "method", "target labels", "crops", "crops with gradients")
TRAINING = (
    *("ckpt=null", "run_dir=.", "data.num_workers=0", "trainer.limit_train_batches=2"),
    *("trainer.max_epochs=1", "+trainer.enable_checkpointing=false", "~callbacks.checkpoints"),
    *("~callbacks.progress", "+trainer.enable_progress_bar=false", "~logger", "+logger={}"),
)


class CountedUpdates(pl.Callback):
    """Counts pixels in forward passes; ``update`` has those of the last update."""

    def __init__(self) -> None:
        self.update: Counter[str] = Counter()
        self._all: Counter[str] = Counter()
        self._before: Counter[str] = Counter()

    def count(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
        """Count a forward pass of a pose network."""
        if isinstance(module, PoseNet):
            count, _, height, width = inputs[0].shape
            pixels = count * height * width
            self._all["pixels"] += pixels
            self._all["with gradients"] += pixels * output.heatmaps.requires_grad

    def on_train_batch_start(self, *_: Any) -> None:
        """Remember what was counted before the update."""
        self._before = Counter(self._all)

    def on_train_batch_end(self, *_: Any) -> None:
        """Take what was counted since."""
        self.update = self._all - self._before


def passes(config: DictConfig) -> tuple[float, float]:
    """Return the crops of one update, and those with gradients, as multiples of the batch."""
    pl.seed_everything(config.seed, verbose=False)
    counted = CountedUpdates()
    hook = register_module_forward_hook(counted.count)
    try:
        data, task = instantiate(config.data), instantiate(config.task)
        make_trainer(config, counted).fit(task, datamodule=data)
    finally:
        hook.remove()
    batch = config.data.batch_size * math.prod(config.codec.input_wh)
    return counted.update["pixels"] / batch, counted.update["with gradients"] / batch


def rows(root: Path, overrides: Sequence[str]) -> list[list[str]]:
    """Return a row for each start, method, and kind of data."""
    found = []
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        for sweep, start in SWEEPS.items():
            settings = [f"sweep={sweep}", f"data.root={root}", *TRAINING, *overrides]
            params = hydra.compose("train", settings, return_hydra_config=True).hydra.sweeper.params
            some = [] if params["data.target_labels"] == 0 else [1]
            for method in params.method.split(","):
                for labels in (0, *some):
                    words = [*settings, f"method={method}", f"data.target_labels={labels}"]
                    numbers = passes(hydra.compose("train", words))
                    cells = [start, method, "some" if labels else "0"]
                    found.append([*cells, *(f"{number:.2f}" for number in numbers)])
                    print(*found[-1], flush=True)
    return found


def main(root: Path, out: Path, *overrides: str) -> None:
    """Count, and write the table."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([HEADER, *rows(root, overrides)])
    write_text_atomic(out, text.getvalue())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
