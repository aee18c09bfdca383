"""Schemas of rendering."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from fidip.cli.components.component import Component, one_of
from fidip.cli.fields import (
    Angle,
    CountRange,
    Fraction,
    FractionRange,
    NonNegative,
    Positive,
    PositiveFloat,
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


class Shutter(Component):
    targets = ("fidip.synth.Shutter",)

    seconds: PositiveRange = [0.008, 0.03]
    step: PositiveFloat = 2.0
    most: Annotated[int, Field(ge=1, le=999)] = 11


class Kicks(Component):
    targets = ("fidip.synth.Kicks",)

    pause: PositiveRange = [0.1, 1.0]
    seconds: PositiveRange = [0.22, 0.4]
    depth: FractionRange = [0.7, 1.0]


class Cover(Component):
    targets = ("fidip.synth.Cover",)

    length: PositiveRange = [0.7, 1.0]
    width: PositiveRange = [0.7, 1.1]
    edge: Range = [0.2, 0.9]
    slide: Range = [0.0, 0.35]


class Handling(Component):
    targets = ("fidip.synth.Handling",)

    touch: PositiveRange = [0.3, 1.0]
    move: PositiveRange = [0.25, 0.7]
    height: Range = [0.03, 0.05]


class Carrying(Component):
    targets = ("fidip.synth.Carrying",)

    bounce: PositiveRange = [0.01, 0.03]
    bounce_hertz: PositiveRange = [1.0, 2.2]
    step: PositiveRange = [0.02, 0.05]
    turn: PositiveRange = [5.0, 15.0]
    hertz: PositiveRange = [0.2, 0.8]


class CameraMoves(Component):
    targets = ("fidip.synth.CameraMoves",)

    shake: Fraction = 0.006
    shake_hertz: PositiveRange = [1.0, 7.0]
    pan: Fraction = 0.25
    pan_hertz: PositiveRange = [0.1, 0.5]


class LightsOut(Component):
    targets = ("fidip.synth.LightsOut",)

    start: FractionRange = [0.15, 0.4]
    seconds: PositiveRange = [1.0, 2.0]
    stops: PositiveRange = [2.5, 4.5]
    adapts: PositiveFloat = 0.5


class DroppedFrames(Component):
    targets = ("fidip.synth.DroppedFrames",)

    chance: Fraction = 0.06
    longest: Positive = 8


class ClipEvents(Component):
    targets = ("fidip.synth.ClipEvents",)

    shutter: Annotated[Any, one_of(Shutter)] | None = None
    kicks: Annotated[Any, one_of(Kicks)] | None = None
    cover: Annotated[Any, one_of(Cover)] | None = None
    handling: Annotated[Any, one_of(Handling)] | None = None
    carrying: Annotated[Any, one_of(Carrying)] | None = None
    camera: Annotated[Any, one_of(CameraMoves)] | None = None
    lights: Annotated[Any, one_of(LightsOut)] | None = None
    drops: Annotated[Any, one_of(DroppedFrames)] | None = None
