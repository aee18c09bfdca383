"""Schemas of what adaptation methods are made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fidip.cli.components.component import Component
from fidip.cli.fields import Fraction, FractionBelow1, NonNegative, PositiveFloat

PositiveFraction = Annotated[float, Field(gt=0, le=1)]


class MovingAverage(Component):
    targets = ("fidip.adapt.MovingAverage",)

    decay: Fraction = 0.99
    buffers: Literal["ema", "copy", "frozen"] = "ema"


class AffineViews(Component):
    targets = ("fidip.adapt.AffineViews",)

    rotation_deg: Annotated[float, Field(ge=0, le=180)] = 60.0
    shear_deg: Annotated[float, Field(ge=0, lt=90)] = 30.0
    scale: Annotated[list[PositiveFloat], Field(min_length=2, max_length=2)] = [0.6, 1.3]
    colour: Fraction = 0.25


class AveragedViews(Component):
    targets = ("fidip.adapt.AveragedViews",)

    rotations_deg: Annotated[
        list[Annotated[float, Field(ge=-180, le=180)]], Field(min_length=1)
    ] = [0.0, -25.0, 25.0]
    mirrored: bool = True
    zoom: PositiveFloat = 1.25


class Confident(Component):
    targets = ("fidip.adapt.Confident",)

    percentile: FractionBelow1 = 0.5
    floor: NonNegative = 0.2


class Occlusion(Component):
    targets = ("fidip.adapt.Occlusion",)

    probability: Fraction = 0.5
    confidence: NonNegative = 0.9
    size: PositiveFraction = 0.15
