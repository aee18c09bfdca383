"""Training with an adaptation method."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from fidip.adapt.method import AdaptationMethod, Trained
from fidip.adapt.step import Losses, Part, Step
from fidip.core.data_parts import DataPart
from fidip.core.errors import ConfigError
from fidip.core.samples import Batch
from fidip.nn.optimization import make_optimizer
from fidip.nn.pose_net import PoseNet
from fidip.tasks.callbacks.finishing import Finishing, restore_unfinished
from fidip.tasks.distributed import average_gradients, gather, keep_out_of_ddp, share, without_ddp
from fidip.tasks.learning_rates import constant
from fidip.tasks.pose_task import PoseTask
from fidip.tasks.pretraining import Pretraining


class AdaptationTask(PoseTask):
    """Task that trains with an adaptation method, and validates and tests as ``PoseTask``.

    Besides the values of ``PoseTask``, it logs those that the method returns: below ``train/``, and
    those of pretraining below ``domain/``. ``global_step`` counts updates.

    Args:
        method: defines an update.
        accumulate: batches per update and process; the remaining batches of an epoch make an update
            too. Each loss of the method is accumulated over all of them before the next loss.
        clip_norm: maximum norm of the gradients of one update, over all parameters of its
            optimizer; None for no clipping.
        pose_task: arguments of ``PoseTask``.
    """

    pretraining_epochs_done: Tensor

    def __init__(
        self,
        *,
        method: AdaptationMethod,
        accumulate: int = 1,
        clip_norm: float | None = None,
        **pose_task: Any,
    ) -> None:
        super().__init__(**pose_task)
        self.automatic_optimization = False
        self.method = method
        self.method.attach(self.net)
        keep_out_of_ddp(self, "method")
        self.accumulate = accumulate
        self.clip_norm = clip_norm
        self.register_buffer("pretraining_epochs_done", torch.tensor(0))
        self._group: list[Batch] = []
        self._trained: dict[str, Trained] = {}
        self._counted = False
        self._pretraining = Pretraining(self, self._pretrain)
        self._finishing = Finishing(method.finish)

    # Set-up and checkpoints.

    def setup(self, stage: str) -> None:
        """Check the data and initialise the method, so that errors are reported before training.

        Raises:
            ConfigError: the data module does not deliver what the method needs, has no labels that
                it could train on, or the network expects windows of frames.
        """
        self.require_frames()
        if hasattr(self.net, "fusion"):
            raise ConfigError(
                f"method: {type(self.method).__name__} adapts networks for single images; expected "
                "another net than SequenceNet. Leave out method, or choose another experiment"
            )
        if stage != "fit":
            return
        data = self.trainer.datamodule
        delivered = getattr(data, "delivers", self.method.needs)
        for part in sorted(self.method.needs - delivered, key=lambda part: part.name):
            name = type(self.method).__name__
            raise ConfigError(
                f"method: {name} needs {part.title}, which the data does not deliver; {part.hint}"
            )
        if not self.method.trains_without_labels:
            self.require_labels(type(self.method).__name__)
        if DataPart.TARGET in self.method.needs and not hasattr(data, "target_dataloader"):
            raise ConfigError(
                f"datamodule={type(data).__name__}: {type(self.method).__name__} reads the target "
                "when training has ended; expected a data module with target_dataloader. Pass one "
                "to fit, or choose another method"
            )
        self.method.begin(self.net)
        if self._pretraining.epochs and self.trainer.ckpt_path is None:
            self._pretraining.read_data()

    def configure_callbacks(self) -> list[pl.Callback]:
        """Add the callback that finishes the weights; Lightning puts it before Checkpoints."""
        return [*super().configure_callbacks(), self._finishing]

    def configure_optimizers(self) -> Any:
        """Build the method's optimizers; defaults are those of ``PoseTask``."""
        self._trained = self.method.optimizers(self.net)
        optimizers, schedules = [], []
        for trained in self._trained.values():
            make, schedule = trained.optimizer, trained.scheduler or constant
            if make is None:
                make, schedule = self.optimizer_factory, trained.scheduler or self.scheduler_factory
            optimizers.append(make_optimizer(make, trained.parameters, self.net, self.layer_decay))
            scheduler = schedule(optimizers[-1], total_steps=self._updates)
            schedules.append({"scheduler": scheduler, "interval": "step"})
        return optimizers, schedules

    @property
    def _updates(self) -> int:
        at_most = super()._updates  # first: it makes Lightning count the batches
        an_epoch = math.ceil(self.trainer.num_training_batches / self.accumulate)
        return min(at_most, self.trainer.max_epochs * an_epoch)

    @property
    def labelling_net(self) -> PoseNet | None:
        """The network of the method that labels the unlabelled target, if there is one."""
        return self.method.labelling_net

    @property
    def within_group(self) -> bool:
        """Whether batches wait for an update, so that no checkpoint can be saved."""
        return bool(self._group)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the method's state that is not in ``state_dict``, and finished weights."""
        checkpoint["method"] = self.method.hidden_state()
        self._finishing.add_to(checkpoint, self.net)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the method's state that is not in ``state_dict``, and unfinished weights."""
        restore_unfinished(checkpoint)
        self.method.load_hidden_state(checkpoint["method"])

    # Updates.

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        """Collect ``accumulate`` batches, and let the method make one update with them."""
        self._group.append(batch)
        if len(self._group) < self.accumulate and not self.trainer.is_last_batch:
            return None
        group, self._group = self._group, []
        parts = [Part(each, self.net, is_whole=len(group) == 1) for each in group]
        self._counted = False
        values = self.method.step(self._step_of(parts))
        for scheduler in _listed(self.lr_schedulers()):
            scheduler.step()
        logged = {f"train/{name}": value for name, value in values.items()}
        self.log_train(logged, sum(map(len, group)))
        return values["loss"]

    def _step_of(self, parts: Sequence[Part]) -> Step:
        progress = self.global_step / self._updates
        return Step(
            parts=parts,
            net=self.net,
            codec=self.codec,
            loss=self.loss,
            progress=progress,
            update_number=self.global_step,
            run_update=self._update,
            mean_over_processes=self._mean_over_processes,
            gather=gather,
            rank=self.global_rank,
            world_size=self.trainer.world_size,
        )

    def _mean_over_processes(self, value: Tensor) -> Tensor:
        mean: Tensor = self.trainer.strategy.reduce(value, reduce_op="mean")
        return mean

    def _update(self, name: str, parts: Sequence[Part], losses: Losses) -> dict[str, Tensor]:
        """Make an update as defined by ``Step.update``."""
        trained, optimizer = self._trained[name].parameters, self._optimizer(name)
        by_ddp = self._averaged_by_ddp(trained)
        optimizer.zero_grad()
        means: list[dict[str, Tensor]] = []
        for part in parts:
            values = losses(part)
            means.append({key: value.detach() for key, value in values.items()})
            # At the last part, DDP averages all accumulated gradients.
            syncs = bool(by_ddp) and part is parts[-1]
            with nullcontext() if syncs else without_ddp(self.trainer.strategy):
                self.manual_backward(values["loss"] / len(parts))
            part.release()
        average_gradients(p for p in trained if id(p) not in by_ddp)
        self._make_step(name, optimizer)
        return {key: torch.stack([each[key] for each in means]).mean(0) for key in means[0]}

    def _averaged_by_ddp(self, trained: Sequence[nn.Parameter]) -> set[int]:
        """Return ids of the network's parameters if an update trains all of them.

        DDP regards a backward pass as finished when all of its parameters have their gradients.
        """
        watched = {id(p) for p in self.net.parameters() if p.requires_grad}
        return watched if watched <= {id(p) for p in trained} else set()

    def _optimizer(self, name: str) -> torch.optim.Optimizer:
        number = list(self._trained).index(name)
        found: torch.optim.Optimizer = _listed(self.optimizers(use_pl_optimizer=False))[number]
        return found

    def _make_step(self, name: str, optimizer: torch.optim.Optimizer) -> None:
        """Step; only the first step of an update's first optimizer counts in ``global_step``."""
        if name == next(iter(self._trained)) and not self._counted:
            self._counted = True
            _listed(self.optimizers())[0].step()
        else:  # Lightning's wrapper would count it.
            self.trainer.strategy.optimizer_step(optimizer, lambda: None)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip gradients, after mixed precision has unscaled them."""
        if self.clip_norm is not None:
            trained = [p for group in optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(trained, self.clip_norm)

    def on_train_start(self) -> None:
        """Give all processes the same method, and run its pretraining."""
        share(self.method.state_dict().values())
        self._pretraining.fit()

    def _pretrain(self, group: list[Batch]) -> dict[str, Tensor]:
        parts = [Part(batch, self.net, is_whole=False) for batch in group]
        self._counted = True  # as no step of the run
        return self.method.pretraining_step(self._step_of(parts))


def _listed(one_or_several: Any) -> list[Any]:
    """Return Lightning's optimizers or schedulers as a list, also if there is only one."""
    return one_or_several if isinstance(one_or_several, list) else [one_or_several]
