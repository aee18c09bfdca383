"""Schemas of smoothing, detectors and overlays."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from fidip.cli.components.component import Component, one_of
from fidip.cli.fields import (
    Count,
    Device,
    Fraction,
    InputFile,
    Kernel,
    NonNegative,
    Positive,
    PositiveFloat,
)


class SwapRepair(Component):
    targets = ("fidip.inference.smoothing.SwapRepair",)

    disbelief: NonNegative = 1.0


class KalmanSmoother(Component):
    targets = ("fidip.inference.smoothing.KalmanSmoother",)

    jerk: PositiveFloat = 30.0
    noise: PositiveFloat = 1.0
    decay: NonNegative = 5.0
    tail: PositiveFloat = 3.0
    rounds: Annotated[int, Field(ge=0, le=100)] = 4
    longest_gap: NonNegative = 0.5


class OneEuro(Component):
    targets = ("fidip.inference.smoothing.OneEuro",)

    min_cutoff: PositiveFloat = 2.0
    beta: NonNegative = 0.5
    speed_cutoff: PositiveFloat = 1.0
    forget: NonNegative = 0.5


class Hampel(Component):
    targets = ("fidip.inference.smoothing.Hampel",)

    reach: Positive = 3
    threshold: PositiveFloat = 3.5
    floor: NonNegative = 0.03


class FillGaps(Component):
    targets = ("fidip.inference.smoothing.FillGaps",)

    longest: NonNegative = 0.5


class SavitzkyGolay(Component):
    targets = ("fidip.inference.smoothing.SavitzkyGolay",)

    window: Kernel = 11
    order: Count = 2

    @model_validator(mode="after")
    def _order_below_window(self) -> SavitzkyGolay:
        if self.order >= self.window:
            raise ValueError(f"expected order below window={self.window}")
        return self


class Chain(Component):
    targets = ("fidip.inference.smoothing.Chain",)

    filters: list[
        Annotated[Any, one_of(SwapRepair, KalmanSmoother, OneEuro, Hampel, FillGaps, SavitzkyGolay)]
    ] = []
    causal: bool = False


class NoDetector(Component):
    targets = ("fidip.inference.detectors.NoDetector",)


class TorchvisionDetector(Component):
    targets = ("fidip.inference.detectors.TorchvisionDetector",)

    weights: InputFile | None = None
    threshold: Fraction = 0.5
    device: Device | None = None


class OnnxDetector(Component):
    targets = ("fidip.inference.detectors.OnnxDetector",)

    path: InputFile
    threshold: Fraction = 0.5
    person: Count = 1
    device: Device | None = None


class Overlay(Component):
    targets = ("fidip.inference.overlay.Overlay",)

    threshold: Fraction = 0.2
    blur_face: bool = False
    on_black: bool = False
    ghosts: Annotated[int, Field(ge=0, le=1000)] = 0
    fps: bool = False
