"""Overhead of Lightning and the task in a step: ``python benchmarks/step.py [METHOD ...]``.

Measures AdaptationTask under the trainer, from the start of one step to the start of the next,
against a plain loop with the same forward passes, backward passes and updates. Both take turns on
one thread; times are CPU time. Methods are adversarial, mean_teacher and replay; all by default.
Target: a ratio of at most 1.05.
"""

from __future__ import annotations

import copy
import logging
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from statistics import quantiles
from typing import Any

import hydra
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from fidip.adapt import pseudo_labels, views
from fidip.adapt.adversarial import confusion_loss, domain_loss
from fidip.adapt.distillation import feature_loss
from fidip.adapt.views import apply_views, move_points, uniform_draws
from fidip.cli import config_dir
from fidip.core.samples import Batch
from fidip.nn.freeze import fixed
from fidip.tasks import AdaptationTask

ROUNDS, WARM_UP, STEPS = 10, 2, 6


Update = Callable[[int], None]
"""One update of a plain loop, by its number."""


def make_task(name: str) -> AdaptationTask:
    """Return the task of the demo with a method."""
    words = [f"experiment={'fidip' if name == 'adversarial' else 'finetune'}_demo"]
    words += ["method.domain_epochs=0"] if name == "adversarial" else [f"method={name}"]
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = hydra.compose("train", words)
    adam = partial(torch.optim.AdamW, lr=1e-4)
    changed = {"domain_optimizer": adam} if name == "adversarial" else {}
    method = hydra.utils.instantiate(config.method, **changed)
    task: AdaptationTask = hydra.utils.instantiate(config.task, optimizer=adam, method=method)
    return task


def make_batch(task: AdaptationTask, size: int = 36) -> Batch:
    """Return a batch of noise: half synthetic, a third replayed, and a third unlabelled."""
    width, height = task.codec.input_wh
    number = torch.arange(size)
    return Batch(
        crops=torch.randint(256, (size, 3, height, width), dtype=torch.uint8),
        joints_crop=torch.rand(size, 17, 2) * torch.tensor([width, height]),
        labelled=(number % 3 != 2).float()[:, None].expand(-1, 17),
        is_synthetic=(number % 2).float(),
        crop_to_image=torch.zeros(size, 2, 3, dtype=torch.float64),
        image_ids=number,
        boxes_xywh=torch.zeros(size, 4, dtype=torch.float64),
        box_scores=torch.ones(size, dtype=torch.float64),
        index=number,
        is_replayed=number % 3 == 1,
        is_unlabelled=number % 3 == 2,
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


def with_bare_loop(update: Update) -> list[float]:
    """Return the seconds of each step of the same computation in a plain loop."""
    seconds = []
    for number in range(WARM_UP + STEPS):
        started = time.process_time()
        update(number)
        seconds.append(time.process_time() - started)
    return seconds[WARM_UP:]


def adam_of(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=1e-4)


def minimise(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def adversarial(task: AdaptationTask, batch: Batch) -> Update:
    """Return FiDIP's update as a plain function."""
    net, head = task.net.train(), task.method.domain_head.train()
    of_net, of_head = adam_of(net), adam_of(head)

    def update(number: int) -> None:
        output = net(net.normalize(batch.crops))
        minimise(domain_loss(head(output.features.detach()), batch.is_synthetic), of_head)
        pose_loss = task.pose_loss(output.heatmaps, batch)
        with fixed(head):
            confusion = domain_loss(head(output.features), batch.is_synthetic)
        minimise(confusion_loss(pose_loss, confusion, task.method.weight), of_net)

    return update


def replay(task: AdaptationTask, batch: Batch) -> Update:
    """Return the update of replay as a plain function."""
    net, rows = task.net.train(), batch.is_replayed
    teacher, of_net = copy.deepcopy(net).eval(), adam_of(net)

    def update(number: int) -> None:
        images = net.normalize(batch.crops)
        output = net(images)
        with torch.no_grad():
            wanted = teacher(images[rows])
        _, weight = task.codec.encode(batch.joints_crop[rows], batch.labelled[rows])
        maps = task.loss(output.heatmaps[rows], wanted.heatmaps, weight)
        features = feature_loss(output.features[rows], wanted.features)
        loss = task.pose_loss(output.heatmaps, batch)
        minimise(loss + maps + task.method.feature_weight * features, of_net)

    return update


def mean_teacher(task: AdaptationTask, batch: Batch) -> Update:
    """Return the update of the mean teacher as a plain function."""
    net, method, codec = task.net.train(), task.method, task.codec
    teacher, of_net = copy.deepcopy(net).eval().requires_grad_(False), adam_of(net)
    rows = batch.is_unlabelled.nonzero()[:, 0]
    crops, labelled = batch.crops[rows], batch.labelled.clone()

    def update(number: int) -> None:
        draws = uniform_draws(0, number, batch.index[rows].tolist(), 16)
        student = method.views.draw(draws[:, views.DRAWS : 2 * views.DRAWS], codec.input_wh)
        method.average.update(teacher, net)
        joints, confidence = method.teacher_views.predict(teacher, codec, crops)
        threshold = method.labels.threshold(confidence)
        labelled[rows] = pseudo_labels.pseudo_labels(joints, confidence, threshold, codec.input_wh)
        seen, targets = move_points(joints, student.affine), batch.joints_crop.clone()
        covered = method.occlusion.cover(
            apply_views(crops, student), seen, confidence, draws[:, 2 * views.DRAWS :]
        )
        images, targets[rows] = net.normalize(batch.crops), seen
        images[rows] = net.normalize(covered)
        heatmaps = net(images).heatmaps
        pseudo = labelled * batch.is_unlabelled[:, None]
        loss = task.loss(heatmaps, *codec.encode(targets, pseudo))
        minimise(task.pose_loss(heatmaps, batch) + method.weight * loss, of_net)

    return update


PLAIN = {"adversarial": adversarial, "mean_teacher": mean_teacher, "replay": replay}


def compare(name: str) -> None:
    """Print the time of a step of a method under the trainer and in a plain loop."""
    task = make_task(name)
    batch = make_batch(task)
    bare: list[float] = []
    lightning: list[float] = []
    for _ in range(ROUNDS):
        lightning += with_lightning(copy.deepcopy(task), batch)
        bare += with_bare_loop(PLAIN[name](copy.deepcopy(task), batch))
    ratio = undisturbed(lightning) / undisturbed(bare)
    print(
        f"{name:<14}bare loop {1000 * undisturbed(bare):7.1f} ms, AdaptationTask "
        f"{1000 * undisturbed(lightning):7.1f} ms a step, ratio {ratio:.3f} (target: at most 1.05)"
    )


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    for name in sys.argv[1:] or PLAIN:
        compare(name)


def undisturbed(seconds: list[float]) -> float:
    """Return the first decile, the time of a step without interference."""
    return quantiles(seconds, n=10)[0]


if __name__ == "__main__":
    main()
