"""FiDIP: pose estimation on features that do not tell synthetic from real."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from fidip.adapt.adversarial import (
    always,
    confusion_loss,
    domain_accuracy,
    domain_loss,
    fixed,
)
from fidip.core.types import Batch
from fidip.nn import PoseOutput
from fidip.tasks.callbacks.checkpointing import Checkpoints
from fidip.tasks.callbacks.divergence import are_finite, stop_if
from fidip.tasks.distributed import average_gradients, keep_out_of_ddp, share, without_ddp
from fidip.tasks.pose_task import OptimizerFactory, PoseTask
from fidip.tasks.schedules import SchedulerFactory, constant

DomainHeadFactory = Callable[[int], nn.Module]


class FidipTask(PoseTask):
    """Adversarial adaptation with two optimisers, in the two steps of the paper.

    For ``domain_epochs`` epochs before training, only the domain head learns. Then, every batch:

    - step I: the domain head learns to tell the domains of the features, which it cannot change;
    - step II: the network learns poses and to fool the domain head, which is fixed.

    Args:
        domain_head: makes the head from the number of feature channels; its forward takes
            (B, C, h, w) features to (B,) logits of "synthetic".
        domain_optimizer: makes the optimiser of the domain head.
        adversarial_weight: lambda of the paper; 0 is fine-tuning with an onlooker.
        adversarial_schedule: share of that weight at a share of the run's updates, both 0 to 1.
        domain_scheduler: makes the learning rate schedule of the domain head, stepped once an
            update of the adaptation; before it, the rate is the optimiser's own.
        domain_epochs: epochs over the data module's ``domain_dataloader``.
        accumulate: batches of one process that make one update; what is left at the end of an
            epoch makes one, too. Step I takes all of them before step II takes any, so the
            network goes over each twice.
        pose_task: the arguments of ``PoseTask``.

    Logs, beside what ``PoseTask`` does, ``train/pose_loss``, ``train/domain_loss`` and
    ``train/domain_accuracy`` (before step I) and, of pretraining, ``domain/loss`` and
    ``domain/accuracy``. Updates of the network are what ``global_step`` counts.
    """

    domain_epochs_done: Tensor

    def __init__(
        self,
        *,
        domain_head: DomainHeadFactory,
        domain_optimizer: OptimizerFactory,
        adversarial_weight: float = 0.0005,
        adversarial_schedule: Callable[[float], float] = always,
        domain_scheduler: SchedulerFactory = constant,
        domain_epochs: int = 10,
        accumulate: int = 1,
        **pose_task: Any,
    ) -> None:
        super().__init__(**pose_task)
        self._domain_loader: Any = None
        self.automatic_optimization = False
        self.domain_head = domain_head(self.net.feature_channels)
        keep_out_of_ddp(self, "domain_head")
        self.domain_optimizer_factory = domain_optimizer
        self.domain_scheduler_factory = domain_scheduler
        self.adversarial_weight = adversarial_weight
        self.adversarial_schedule = adversarial_schedule
        self.domain_epochs = domain_epochs
        self.accumulate = accumulate
        self._group: list[Batch] = []
        self.register_buffer("domain_epochs_done", torch.tensor(0))

    def configure_optimizers(self) -> Any:
        pose = super().configure_optimizers()
        domain = self.domain_optimizer_factory(self.domain_head.parameters())
        scheduler = self.domain_scheduler_factory(domain, total_steps=self._updates)
        return [pose["optimizer"], domain], [
            pose["lr_scheduler"],
            {"scheduler": scheduler, "interval": "step"},
        ]

    @property
    def _updates(self) -> int:
        at_most = super()._updates
        an_epoch = math.ceil(self.trainer.num_training_batches / self.accumulate)
        return min(at_most, self.trainer.max_epochs * an_epoch)

    @property
    def within_group(self) -> bool:
        return bool(self._group)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        self._group.append(batch)
        if len(self._group) < self.accumulate and not self.trainer.is_last_batch:
            return None
        group, self._group = self._group, []
        outputs: Iterable[PoseOutput]
        features: Iterable[Tensor]
        if len(group) == 1:
            outputs = [self._look(batch)]
            features = [output.features.detach() for output in outputs]
        else:  # when their turn comes, so that no more than one is in memory
            outputs, features = map(self._look, group), map(self._features, group)
        head_loss, accuracy = self._update_head(features, group)
        loss, pose_loss = self._update_net(outputs, group)
        self.log_train(
            {
                "train/loss": loss,
                "train/pose_loss": pose_loss,
                "train/domain_loss": head_loss,
                "train/domain_accuracy": accuracy,
            },
            sum(map(len, group)),
        )
        return loss

    def _look(self, batch: Batch) -> PoseOutput:
        output: PoseOutput = self.net(self.net.normalize(batch.crops))
        return output

    def _features(self, batch: Batch) -> Tensor:
        """(B, C, h, w) as ``_look`` finds them, leaving no trace in the network."""
        with torch.no_grad(), fixed(self.net):
            return self._look(batch).features

    def _update_head(self, features: Iterable[Tensor], group: Sequence[Batch]) -> Tensor:
        """Step I, on each batch's features; returns (2,) loss and accuracy before the update."""
        # Unwrapped: Lightning's wrapper would count its updates as steps of the run.
        optimizer = self.optimizers(use_pl_optimizer=False)[1]
        optimizer.zero_grad()
        scores = []
        for seen, batch in zip(features, group, strict=True):
            logits = self.domain_head(seen)
            loss = domain_loss(logits, batch.is_synthetic)
            with without_ddp(self.trainer.strategy):
                self.manual_backward(loss / len(group))
            scores.append(torch.stack([loss.detach(), domain_accuracy(logits, batch.is_synthetic)]))
        average_gradients(self.domain_head.parameters())
        self.trainer.strategy.optimizer_step(optimizer, lambda: None)
        return torch.stack(scores).mean(0)

    def _update_net(self, outputs: Iterable[PoseOutput], group: Sequence[Batch]) -> Tensor:
        """Step II; returns its (2,) loss and the pose loss within."""
        progress = self.global_step / self._updates
        weight = self.adversarial_weight * self.adversarial_schedule(progress)
        optimizer = self.optimizers()[0]
        optimizer.zero_grad()
        losses: list[Tensor] = []
        for output, batch in zip(outputs, group, strict=True):
            pose_loss = self.pose_loss(output.heatmaps, batch)
            with fixed(self.domain_head):
                confusion = domain_loss(self.domain_head(output.features), batch.is_synthetic)
            loss = confusion_loss(pose_loss, confusion, weight)
            losses.append(torch.stack([loss, pose_loss]).detach())
            last = len(losses) == len(group)  # and DDP takes the mean of all that has come together
            with nullcontext() if last else without_ddp(self.trainer.strategy):
                self.manual_backward(loss / len(group))
        optimizer.step()
        for scheduler in self.lr_schedulers():
            scheduler.step()
        return torch.stack(losses).mean(0)

    def setup(self, stage: str) -> None:
        """Read the data of domain pretraining, whose errors should show before a run begins."""
        is_due = int(self.domain_epochs_done) < self.domain_epochs
        if stage == "fit" and is_due and self.trainer.ckpt_path is None:
            self._domain_loader = self.trainer.datamodule.domain_dataloader()

    def on_train_start(self) -> None:
        """Domain pretraining, unless a checkpoint says that it is done."""
        share(self.domain_head.state_dict().values())
        epochs = range(int(self.domain_epochs_done), self.domain_epochs)
        if not epochs:
            return
        loader = self._domain_loader or self.trainer.datamodule.domain_dataloader()
        self.net.eval()
        for epoch in epochs:
            loader.sampler.set_epoch(epoch)
            self._log_domain_epoch(epoch, self._domain_epoch(loader))
            self.domain_epochs_done += 1
            for callback in self.trainer.checkpoint_callbacks:
                if isinstance(callback, Checkpoints):
                    callback.on_domain_epoch_end(self.trainer)
        self.net.train()

    def _domain_epoch(self, loader: DataLoader[Any]) -> Tensor:
        """One pass of the head alone; returns (2,) mean loss and accuracy over all processes."""
        values = []
        limit = self.trainer.limit_train_batches
        batches = islice(loader, limit if isinstance(limit, int) else None)
        while group := [batch.to(self.device) for batch in islice(batches, self.accumulate)]:
            with self.trainer.precision_plugin.forward_context():
                values.append(self._update_head(map(self._features, group), group))
        mean: Tensor = self.trainer.strategy.reduce(torch.stack(values).mean(0), reduce_op="mean")
        what = "the domain head's loss is NaN or infinite (its rate: task.domain_optimizer.lr)"
        stop_if(not are_finite([mean]), self.trainer, what)
        return mean

    def _log_domain_epoch(self, epoch: int, mean: Tensor) -> None:
        loss, accuracy = mean.tolist()
        values = {"domain/epoch": epoch, "domain/loss": loss, "domain/accuracy": accuracy}
        for logger in self.trainer.loggers:
            logger.log_metrics(values, step=0)
        self.print(
            f"domain head {epoch + 1:>3}/{self.domain_epochs}"
            f"  loss {loss:.3f}  accuracy {accuracy:.3f}",
            flush=True,
        )
