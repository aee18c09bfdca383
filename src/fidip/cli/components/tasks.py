"""Schemas of tasks."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from fidip.cli.components.component import Component, one_of
from fidip.cli.components.methods import METHODS
from fidip.cli.components.nets import Codecs, DomainHead, Nets, PaperDomainHead
from fidip.cli.components.training import (
    Always,
    HeatmapMse,
    HeatmapOhkm,
    MoveNetLoss,
    Optimizer,
    Ramp,
    Schedulers,
    SimccKl,
)
from fidip.cli.fields import Count, NonNegative, Positive, PositiveFloat, Text

Methods = one_of(*METHODS.values())


class PoseTask(Component):
    targets = ("fidip.tasks.PoseTask",)

    net: Annotated[Any, Nets]
    codec: Annotated[Any, Codecs]
    optimizer: Annotated[Any, one_of(Optimizer)]
    scheduler: Annotated[Any, Schedulers] = None
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1
    loss: Annotated[Any, one_of(HeatmapMse, HeatmapOhkm, MoveNetLoss, SimccKl)] = None
    flip_test: bool = True
    flip_shift: bool = False


class LossesOverTime(Component):
    targets = ("fidip.tasks.LossesOverTime",)

    jump_weight: NonNegative = 0.0
    jump_limit: NonNegative = 0.1
    bone_weight: NonNegative = 0.0
    bone_tolerance: NonNegative = 0.2
    plausibility_weight: NonNegative = 0.0
    plausibility_tolerance: NonNegative = 0.1


class SequenceTask(PoseTask):
    targets = ("fidip.tasks.SequenceTask",)

    margin: Annotated[int, Field(ge=0, le=32)] = 0
    over_time: Annotated[Any, one_of(LossesOverTime)] | None = None


class AdaptationTask(PoseTask):
    targets = ("fidip.tasks.AdaptationTask",)

    method: Annotated[Any, Methods]
    accumulate: Positive = 1
    clip_norm: PositiveFloat | None = None


class FidipTask(PoseTask):
    targets = ("fidip.tasks.FidipTask",)

    domain_head: Annotated[Any, one_of(DomainHead, PaperDomainHead)]
    domain_optimizer: Annotated[Any, one_of(Optimizer)]
    domain_scheduler: Annotated[Any, Schedulers] = None
    adversarial_weight: Annotated[float, Field(ge=0, le=1e6)] = 0.0005
    adversarial_schedule: Annotated[Any, one_of(Always, Ramp)] = None
    domain_epochs: Count = 10
    accumulate: Positive = 1
    clip_norm: PositiveFloat | None = None


class ReplayTask(PoseTask):
    targets = ("fidip.tasks.ReplayTask",)

    teacher: Text | None = None
    map_weight: NonNegative = 1.0
    feature_weight: NonNegative = 1e-3
    accumulate: Positive = 1
    clip_norm: PositiveFloat | None = None


Tasks = one_of(PoseTask, SequenceTask, AdaptationTask, FidipTask, ReplayTask)
