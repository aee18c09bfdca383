"""Schemas of rendering."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fidip.cli.components.component import Component
from fidip.cli.fields import (
    Angle,
    CountRange,
    Fraction,
    FractionRange,
    NonNegative,
    PositiveRange,
    QualityRange,
    Range,
)


class Appearance(Component):
    targets = ("fidip.synth.Appearance",)

    patterned: Fraction = 0.0
    mat: Fraction = 0.0
    blanket: Fraction = 0.0
    toys: CountRange = [0, 0]
    light: PositiveRange = [0.5, 0.8]
    tint: NonNegative = 0.0
    exposure: NonNegative = 0.0
    defocus: NonNegative = 0.0
    motion: NonNegative = 0.0
    noise: Fraction = 0.0
    jpeg: QualityRange = [92, 96]
    fill: PositiveRange = [0.6, 0.92]
    months: Range | None = None
    redraws: Annotated[int, Field(ge=0, le=1000)] = 0
    skin: Range | None = None
    hands: Fraction = 0.0
    hat: Fraction = 0.0
    socks: Fraction = 0.0
    sack: Fraction = 0.0
    saturation: FractionRange = [0.05, 0.75]
    brightness: FractionRange = [0.15, 0.95]
    household: Fraction = 0.0
    lit_cloth: bool = False
    collage: Fraction = 0.0
    cot: Fraction = 0.0
    furniture: CountRange = [0, 0]
    caregiver: Fraction = 0.0
    held: Fraction = 0.0
    lap: Fraction = 0.0
    lights: CountRange = [1, 1]
    headlamp: bool = False
    infrared: bool = False
    overhead: Fraction = 0.0
    free_view: Fraction = 0.0
    roll: Angle | None = None
    focal_mm: PositiveRange | None = None
    depth_of_field: NonNegative = 0.0
    vignette: Fraction = 0.0
    contrast: NonNegative = 0.0
    resolution: Annotated[float, Field(gt=0, le=1)] = 1.0
    samples: Annotated[float, Field(ge=1, le=16)] = 1.5
