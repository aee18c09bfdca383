"""Overhead of Lightning and the task in a training step of FiDIP: ``python benchmarks/step.py``.

Measures AdaptationTask under the trainer, from the start of one step to the start of the next,
against a plain loop with the same forward passes, backward passes and updates. Both take turns on
one thread; times are CPU time. Target: a ratio of at most 1.05.
"""

from __future__ import annotations

import copy
import logging
import time
import warnings
from functools import partial
from statistics import quantiles
from typing import Any

import hydra
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from fidip.adapt.adversarial import confusion_loss, domain_loss, fixed
from fidip.cli import config_dir
from fidip.core.samples import Batch
from fidip.tasks import AdaptationTask

ROUNDS, WARM_UP, STEPS = 10, 2, 6


def make_task() -> AdaptationTask:
    """Return the FiDIP task of the demo."""
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = hydra.compose("train", ["experiment=fidip_demo", "method.domain_epochs=0"])
    adam = partial(torch.optim.AdamW, lr=1e-4)
    method = hydra.utils.instantiate(config.method, domain_optimizer=adam)
    task: AdaptationTask = hydra.utils.instantiate(config.task, optimizer=adam, method=method)
    return task


def make_batch(task: AdaptationTask, size: int = 32) -> Batch:
    """Return a batch of noise, half synthetic."""
    width, height = task.codec.input_wh
    return Batch(
        crops=torch.randint(256, (size, 3, height, width), dtype=torch.uint8),
        joints_crop=torch.rand(size, 17, 2) * torch.tensor([width, height]),
        labelled=torch.ones(size, 17),
        is_synthetic=(torch.arange(size) % 2).float(),
        crop_to_image=torch.zeros(size, 2, 3, dtype=torch.float64),
        image_ids=torch.arange(size),
        boxes_xywh=torch.zeros(size, 4, dtype=torch.float64),
        box_scores=torch.ones(size, dtype=torch.float64),
        index=torch.arange(size),
    )


class StepTimes(pl.Callback):
    """Callback that records the seconds between the starts of consecutive steps."""

    def __init__(self) -> None:
        self.starts: list[float] = []

    def on_train_batch_start(self, *args: Any) -> None:
        self.starts.append(time.process_time())

    @property
    def seconds(self) -> list[float]:
        return [b - a for a, b in zip(self.starts, self.starts[1:], strict=False)][WARM_UP:]


def with_lightning(task: AdaptationTask, batch: Batch) -> list[float]:
    """Return the seconds of each step under the trainer, without logger and progress bar."""
    times = StepTimes()
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        callbacks=[times],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(task, DataLoader([batch] * (WARM_UP + STEPS + 1), batch_size=None))
    return times.seconds


def with_bare_loop(task: AdaptationTask, batch: Batch) -> list[float]:
    """Return the seconds of each step of the same computation in a plain loop."""
    net, head = task.net.train(), task.method.domain_head.train()
    net_optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=1e-4)
    head_optimizer = torch.optim.AdamW(head.parameters(), lr=1e-4)
    seconds = []
    for _ in range(WARM_UP + STEPS):
        started = time.process_time()
        output = net(net.normalize(batch.crops))
        head_optimizer.zero_grad()
        domain_loss(head(output.features.detach()), batch.is_synthetic).backward()
        head_optimizer.step()
        pose_loss = task.pose_loss(output.heatmaps, batch)
        with fixed(head):
            confusion = domain_loss(head(output.features), batch.is_synthetic)
        net_optimizer.zero_grad()
        confusion_loss(pose_loss, confusion, task.method.weight).backward()
        net_optimizer.step()
        seconds.append(time.process_time() - started)
    return seconds[WARM_UP:]


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    task = make_task()
    batch = make_batch(task)
    bare: list[float] = []
    lightning: list[float] = []
    for _ in range(ROUNDS):
        lightning += with_lightning(copy.deepcopy(task), batch)
        bare += with_bare_loop(copy.deepcopy(task), batch)
    print(f"{'bare loop':<12}{1000 * undisturbed(bare):8.1f} ms a step")
    print(f"{'AdaptationTask':<12}{1000 * undisturbed(lightning):8.1f} ms a step")
    ratio = undisturbed(lightning) / undisturbed(bare)
    print(f"{'ratio':<12}{ratio:8.3f}    (target: at most 1.05)")


def undisturbed(seconds: list[float]) -> float:
    """Return the first decile, the time of a step without interference."""
    return quantiles(seconds, n=10)[0]


if __name__ == "__main__":
    main()
