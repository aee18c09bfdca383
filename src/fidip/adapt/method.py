"""The interface of adaptation methods.

A method is one module of this package and one file in ``conf/method``. It declares the data that it
needs, builds its heads, names what its optimizers train, and writes one update down as losses of a
batch. ``fidip.tasks.AdaptationTask`` runs it: precision, accumulation, several processes, clipping,
schedules and checkpoints are not the method's concern.

Most methods add losses to supervised training: they are an ``AddedLoss``, and can be combined with
each other. The others define their updates themselves, as an ``AdaptationMethod``.

Example:
    Fine-tuning that keeps the features small, as a whole method:

    >>> class SmallFeatures(AddedLoss):
    ...     def __init__(self, *, weight: float = 0.1) -> None:
    ...         super().__init__()
    ...         self.weight = weight
    ...
    ...     def terms(self, step: Step, part: Part) -> dict[str, Term]:
    ...         return {"size": Term(part.output.features.square().mean(), self.weight)}
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from fidip.adapt.domains import source_and_target
from fidip.adapt.gradients import scale_gradient
from fidip.codecs.base import Codec
from fidip.core.data_parts import DataPart
from fidip.core.samples import Batch
from fidip.nn.freeze import fixed
from fidip.nn.optimization import OptimizerFactory, PoseLoss, SchedulerFactory
from fidip.nn.pose_net import PoseNet, PoseOutput


@dataclass(frozen=True)
class Trained:
    """What one optimizer trains.

    Attributes:
        parameters: its parameters.
        optimizer: makes it; None for the optimizer of the task.
        scheduler: makes its schedule; None for the task's, where ``optimizer`` is None, too, and
            for a constant rate otherwise.
    """

    parameters: Sequence[nn.Parameter]
    optimizer: OptimizerFactory | None = None
    scheduler: SchedulerFactory | None = None


class Part:
    """One batch of one process, and what the network computes from it.

    Args:
        batch: the batch.
        net: the network.
        is_whole: whether the update has no other parts, so that its losses can share one forward
            pass.
    """

    def __init__(self, batch: Batch, net: PoseNet, is_whole: bool) -> None:
        self.batch = batch
        self._net = net
        self._is_whole = is_whole

    @cached_property
    def images(self) -> Tensor:
        """(B, 3, H, W) normalised images."""
        return self._net.normalize(self.batch.crops)

    @cached_property
    def output(self) -> PoseOutput:
        """The network's features and heatmaps, with gradients."""
        output: PoseOutput = self._net(self.images)
        return output

    @property
    def features(self) -> Tensor:
        """(B, C, h, w) features without gradients; the network's statistics count them once."""
        if self._is_whole:
            return self.output.features.detach()
        with torch.no_grad(), fixed(self._net):
            output: PoseOutput = self._net(self.images)
        return output.features

    def change_crops(self, crops: Tensor) -> None:
        """Replace the crops, and drop what was computed from them.

        Args:
            crops: (B, 3, H, W) uint8 RGB.
        """
        self.batch = replace(self.batch, crops=crops)
        self._forget()

    def release(self) -> None:
        """Free what was computed, unless a later loss of the same update shares it."""
        if not self._is_whole:
            self._forget()

    def _forget(self) -> None:
        self.__dict__.pop("images", None)
        self.__dict__.pop("output", None)


Losses = Callable[[Part], Mapping[str, Tensor]]
"""Computes named () values of a part; ``loss`` is minimised, the others are logged."""
Update = Callable[[str, Sequence[Part], Losses], dict[str, Tensor]]


@dataclass(frozen=True)
class Step:
    """What a method has at hand for one update.

    Attributes:
        parts: the batches of one process that make the update; more than one with
            ``task.accumulate``.
        net: the network that is trained.
        codec: keypoints to heatmaps and back.
        loss: (output, target, weight) to the () pose loss.
        progress: fraction of the run's updates that are done, 0 to 1.
        update_number: number of the run's updates that are done, for random draws.
        run_update: does what ``update`` describes.
        mean_over_processes: takes a () value without gradients to its mean over all processes, for
            losses that are no sums over samples.
        gather: takes (N, ...) values without gradients to those of all W processes, (W N, ...), in
            their order.
        rank: index of this process.
        world_size: number W of processes.
    """

    parts: Sequence[Part]
    net: PoseNet
    codec: Codec
    loss: PoseLoss
    progress: float
    update_number: int
    run_update: Update
    mean_over_processes: Callable[[Tensor], Tensor]
    gather: Callable[[Tensor], Tensor]
    rank: int
    world_size: int

    def update(self, name: str, losses: Losses) -> dict[str, Tensor]:
        """Minimise a loss by one step of the optimizer ``name``.

        Clears the gradients of that optimizer, computes the losses of every part, goes backward,
        averages gradients over parts and processes, clips them, and steps.

        Args:
            name: a key of ``AdaptationMethod.optimizers``.
            losses: called once for each part.

        Returns:
            The () values of ``losses`` before the step, means over the parts of this process,
            without gradients.
        """
        return self.run_update(name, self.parts, losses)

    def pose_loss(self, heatmaps: Tensor, batch: Batch) -> Tensor:
        """Return the () loss of (B, K, h, w) heatmaps against the labels of a batch."""
        target, weight = self.codec.encode(batch.joints_crop, batch.labelled)
        return self.loss(heatmaps, target, weight)

    def of_all_samples(self, values: Callable[[Part], Tensor]) -> Tensor:
        """Return values of all samples of the update: of all parts in all processes.

        Args:
            values: takes a part to (B, ...) values of its samples.

        Returns:
            (N, ...) values without gradients, in the order of processes and parts.
        """
        return self.gather(torch.cat([values(part).detach() for part in self.parts]))

    def pooled_features(self, part: Part) -> Tensor:
        """Return the means over pixels of the features of all samples of the update.

        For losses that are no sums over samples, such as a distance between covariances. Those of
        ``part`` have gradients, multiplied by the number of parts in all processes. After averaging
        over these, an update has the gradients that it has with all samples in one part.

        Args:
            part: one of ``parts``.

        Returns:
            (N, C) means, at least float32, in the order of ``of_all_samples``.
        """
        rows = self.rows(part)
        values = scale_gradient(_pooled(part.output.features), len(self.parts) * self.world_size)
        return torch.cat([self._pooled[: rows.start], values, self._pooled[rows.stop :]])

    def mean_over_samples(self, part: Part, values: Tensor, is_counted: Tensor) -> Tensor:
        """Return what a part contributes to the mean over some samples of the update.

        Args:
            part: one of ``parts``.
            values: (B,) values of its samples.
            is_counted: (N,) bool, which samples count, in the order of ``of_all_samples``.

        Returns:
            () value; its mean over parts and processes is the mean over the samples that count, or
            0 without any.
        """
        count = is_counted.sum().clamp(min=1) / (len(self.parts) * self.world_size)
        return (values * is_counted[self.rows(part)]).sum() / count

    def rows(self, part: Part) -> slice:
        """Return where the samples of a part are in the order of ``of_all_samples``."""
        sizes = [len(each.batch) for each in self.parts]
        start = self.rank * sum(sizes) + sum(sizes[: self.parts.index(part)])
        return slice(start, start + len(part.batch))

    @cached_property
    def domains(self) -> tuple[Tensor, Tensor]:
        """(N,) bool masks of the source and target samples, in the order of ``of_all_samples``."""
        return source_and_target(
            self.of_all_samples(lambda part: part.batch.is_synthetic),
            self.of_all_samples(lambda part: part.batch.is_replayed),
            self.of_all_samples(lambda part: part.batch.is_unlabelled),
        )

    @cached_property
    def _pooled(self) -> Tensor:
        return self.of_all_samples(lambda part: _pooled(part.features))


def _pooled(features: Tensor) -> Tensor:
    dtype = torch.promote_types(features.dtype, torch.float32)
    return features.mean((2, 3), dtype=dtype)


class AdaptationMethod(nn.Module, ABC):
    """Base class of adaptation methods.

    Subclasses take keyword arguments only. The configuration schema is derived from their
    constructors: annotate every argument with one of the types in
    ``fidip.cli.components.methods``. Arguments named ``*weight`` turn the method off at 0: it then
    trains the network exactly as fine-tuning does.

    Attributes:
        needs: the data without which the method cannot run.
        pretraining_epochs: epochs of ``pretraining_step`` before the first update.
    """

    needs: ClassVar[frozenset[DataPart]] = frozenset()
    pretraining_epochs: int = 0

    def attach(self, net: PoseNet) -> None:
        """Build heads for the network; called once, before weights are loaded into it."""

    def begin(self, net: PoseNet) -> None:
        """Copy what the network is before training, such as a teacher.

        Called once in every run, when weights to start from are loaded; of a run that is resumed,
        before its checkpoint is.
        """

    def optimizers(self, net: PoseNet) -> dict[str, Trained]:
        """Return what each optimizer trains, by name. The run counts updates of the first."""
        return {"pose": Trained(trainable(net.parameters()))}

    @abstractmethod
    def step(self, step: Step) -> dict[str, Tensor]:
        """Make one update.

        Returns:
            () values to log; ``loss`` is among them.
        """

    def pretraining_step(self, step: Step) -> dict[str, Tensor]:
        """Make one update of the pretraining, which must leave the network as it is.

        Returns:
            () values to log; ``loss`` is among them.
        """
        raise NotImplementedError(f"{type(self).__name__} has no pretraining")

    def finish(self, net: PoseNet, target: Iterable[Batch]) -> None:
        """Change the weights once more when training has ended, such as an average of them.

        Called without gradients for the weights of the last epoch, before ``last.ckpt`` is written,
        and, where a run has one, for the weights of ``best.ckpt``. So both hold finished weights,
        whichever of them is tested. Validation during training, which chooses ``best.ckpt``, is of
        weights that are not finished. Checkpoints keep the weights before this call, too: a run
        that is resumed for more epochs trains on with those, and this call is made at its end.

        Args:
            net: the network, which holds the weights to finish.
            target: all samples of the target domain, once, without augmentation and the same in
                all processes; read only if iterated over. Declare ``DataPart.TARGET`` in ``needs``.
        """

    def hidden_state(self) -> dict[str, Any]:
        """Return what a checkpoint must keep beside parameters and buffers."""
        return {}

    def load_hidden_state(self, state: dict[str, Any]) -> None:
        """Take over what ``hidden_state`` returned."""


@dataclass(frozen=True)
class Term:
    """A loss that is added to the pose loss.

    Attributes:
        value: () loss; it is logged.
        weight: its weight in the sum; None for a value that is only logged.
    """

    value: Tensor
    weight: float | None = None


class AddedLoss(AdaptationMethod):
    r"""Base class of methods that add losses to supervised training.

    One optimizer, ``pose``, trains the network and the parameters of the method, with one update of

        L = L_pose + \sum_i w_i L_i

    Logs ``pose_loss`` and the value of every term.
    """

    @abstractmethod
    def terms(self, step: Step, part: Part) -> dict[str, Term]:
        """Return the terms of one part by name.

        Args:
            step: the update.
            part: one of its parts.
        """

    def prepare(self, step: Step) -> None:
        """Prepare an update, before the network sees its images.

        For what depends on all parts and processes, and for changes of ``Part.images``.
        """

    def optimizers(self, net: PoseNet) -> dict[str, Trained]:
        """Return one optimizer that trains the network and the method's own parameters."""
        return {"pose": Trained(trainable([*net.parameters(), *self.parameters()]))}

    def step(self, step: Step) -> dict[str, Tensor]:
        """Make one update."""
        self.prepare(step)

        def losses(part: Part) -> dict[str, Tensor]:
            pose = step.pose_loss(part.output.heatmaps, part.batch)
            terms = self.terms(step, part)
            loss = pose
            for term in terms.values():
                if term.weight is not None:
                    loss = loss + term.weight * term.value
            return {
                "loss": loss,
                "pose_loss": pose,
                **{name: term.value for name, term in terms.items()},
            }

        return step.update("pose", losses)


def trainable(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """Return the parameters that require gradients.

    Example:
        >>> layer = nn.Linear(3, 2)
        >>> layer.bias.requires_grad_(False).shape
        torch.Size([2])
        >>> [tuple(parameter.shape) for parameter in trainable(layer.parameters())]
        [(2, 3)]
    """
    return [parameter for parameter in parameters if parameter.requires_grad]
