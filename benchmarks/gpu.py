"""FiDIP with HRNet-W48 at 288x384 on a GPU: ``python benchmarks/gpu.py``.

Measures step time, images per second and memory in float32, float16 and bfloat16, with and without
channels_last and torch.compile, on batches that are already on the GPU; then the fraction of time
that training steps wait for 8 loader workers. Target: less than 5 %.

The exit status is 2 without a GPU. ``--smoke`` runs the demo's small network on the CPU, to test
this script.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from typing import Any

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import hydra
import torch
from torch.utils.data import DataLoader

from fidip.adapt.adversarial import confusion_loss, domain_loss
from fidip.cli import config_dir
from fidip.core.samples import Batch, SampleKey
from fidip.data import Augmentation, PoseDataset
from fidip.nn.freeze import fixed
from fidip.tasks import AdaptationTask
from loader import make_people
from step import make_batch

PRECISIONS = {"fp32": None, "fp16": torch.float16, "bf16": torch.bfloat16}
HEADER = (
    f"{'precision':<11}{'memory format':<16}{'compile':<9}{'ms/step':>9}{'images/s':>10}{'GiB':>7}"
)


def make_task(experiment: str, device: torch.device) -> AdaptationTask:
    """Return the task of an experiment with random weights."""
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = hydra.compose("train", [f"experiment={experiment}", "frozen=none"])
    task: AdaptationTask = hydra.utils.instantiate(config.task)
    return task.to(device).train()


class Step:
    """One update of FiDIP in a given precision, as in ``AdaptationTask.training_step``."""

    def __init__(self, task: AdaptationTask, precision: str, compiled: bool) -> None:
        self.task = task
        self.device = next(task.parameters()).device
        self.dtype = PRECISIONS[precision]
        self.net = torch.compile(task.net) if compiled else task.net
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=precision == "fp16")
        self.optimizers = [
            torch.optim.Adam(part.parameters(), lr=1e-4)
            for part in (task.net, task.method.domain_head)
        ]

    def _autocast(self) -> AbstractContextManager[Any]:
        on = self.dtype is not None
        return torch.autocast(self.device.type, self.dtype or torch.bfloat16, enabled=on)

    def __call__(self, batch: Batch) -> None:
        task, (pose, domain) = self.task, self.optimizers
        with self._autocast():
            output = self.net(task.net.normalize(batch.crops))
            head_loss = domain_loss(
                task.method.domain_head(output.features.detach()), batch.is_synthetic
            )
        self._update(domain, head_loss)
        with self._autocast(), fixed(task.method.domain_head):
            confusion = domain_loss(task.method.domain_head(output.features), batch.is_synthetic)
            loss = confusion_loss(task.pose_loss(output.heatmaps, batch), confusion, 0.0005)
        self._update(pose, loss)
        self.scaler.update()

    def _update(self, optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
        optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.step(optimizer)


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(step: Step, batch: Batch, steps: int) -> float:
    """Return the median duration of a step, after as many steps to warm up and compile."""
    times = []
    for _ in range(2 * steps):
        started = time.perf_counter()
        step(batch)
        synchronize(step.device)
        times.append(time.perf_counter() - started)
    return median(times[steps:])


def step_table(options: argparse.Namespace, device: torch.device) -> Iterator[str]:
    """Yield a line for each precision and mode."""
    yield HEADER
    formats = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
    compiles = (False,) if options.no_compile else (False, True)
    for precision, name, compiled in itertools.product(options.precisions, formats, compiles):
        task = make_task(options.experiment, device)
        task.net.to(memory_format=formats[name])
        batch = make_batch(task, options.batch_size).to(device)
        crops = batch.crops.contiguous(memory_format=formats[name])
        batch = dataclasses.replace(batch, crops=crops)
        gib = 0.0
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)
        spent = seconds(Step(task, precision, compiled), batch, options.steps)
        if device.type == "cuda":
            gib = torch.cuda.max_memory_allocated(device) / 2**30
        yield (
            f"{precision:<11}{name:<16}{'yes' if compiled else 'no':<9}{1000 * spent:9.1f}"
            f"{options.batch_size / spent:10.1f}{gib:7.2f}"
        )


def waiting_share(options: argparse.Namespace, device: torch.device) -> float:
    """Return the fraction of time that training waits for its loader, after the first batches."""
    task = make_task(options.experiment, device)
    step = Step(task, options.precisions[-1], compiled=False)
    wh = tuple(task.codec.input_wh)
    warm_up = 2 * options.workers + 2
    with tempfile.TemporaryDirectory() as folder:
        people = make_people(Path(folder), (640, 480))
        keys = [
            SampleKey(number % len(people), number)
            for number in range((warm_up + 10 * options.steps) * options.batch_size)
        ]
        loader = DataLoader(
            PoseDataset(people, wh, Augmentation()),
            batch_size=options.batch_size,
            sampler=keys,  # type: ignore[arg-type]
            num_workers=options.workers,
            collate_fn=Batch.collate,
            pin_memory=device.type == "cuda",
        )
        waited = total = 0.0
        before = time.perf_counter()
        for number, batch in enumerate(loader):
            arrived = time.perf_counter()
            step(batch.to(device))
            synchronize(device)
            ended = time.perf_counter()
            if number >= warm_up:
                waited += arrived - before
                total += ended - before
            before = ended
    return waited / total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--smoke", action="store_true", help="the demo's net, on the CPU")
    parser.add_argument("--no-compile", action="store_true", help="without torch.compile: quick")
    parser.add_argument("--batch-size", type=int, default=20)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    if not options.smoke and not torch.cuda.is_available():
        print("no GPU here: this measures HRNet-W48 on one (--smoke tries the script on the CPU)")
        return 2
    warnings.filterwarnings("ignore")
    options.experiment, options.precisions = "fidip_syrip", list(PRECISIONS)
    if options.smoke:
        options.experiment, options.precisions = "fidip_demo", ["fp32"]
        options.batch_size, options.workers, options.steps, options.no_compile = 4, 0, 1, True
    device = torch.device("cpu" if options.smoke else "cuda")
    print(torch.cuda.get_device_name() if device.type == "cuda" else "CPU")
    for line in step_table(options, device):
        print(line, flush=True)
    share = 100 * waiting_share(options, device)
    print(f"waiting for data with {options.workers} workers: {share:.1f} % (target: under 5 %)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
