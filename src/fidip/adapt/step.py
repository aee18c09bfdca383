"""One update of an adaptation method: its batches, and what is computed over all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from fidip.adapt.domains import source_and_target
from fidip.adapt.gradients import scale_gradient
from fidip.codecs.base import Codec
from fidip.core.samples import Batch
from fidip.nn.freeze import fixed
from fidip.nn.optimization import PoseLoss
from fidip.nn.pose_net import PoseNet, PoseOutput


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

    def only(self, rows: Tensor) -> Part:
        """Return a part with some of the samples.

        Args:
            rows: (B,) bool, which samples to keep.
        """
        return Part(self.batch.only(rows), self._net, self._is_whole)

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
    """What a method can use in one update.

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
            losses that are not sums over samples.
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

    def only(self, rows: Callable[[Part], Tensor]) -> Step:
        """Return the update with some of the samples; the network does not see the others.

        Args:
            rows: takes a part to (B,) bool, which of its samples to keep.
        """
        return replace(self, parts=[part.only(rows(part)) for part in self.parts])

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

        For losses that are not sums over samples, such as a distance between covariances. Those of
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
