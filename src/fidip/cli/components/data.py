"""Schemas of datasets and augmentation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from fidip.cli.components.component import Component, one_of
from fidip.cli.fields import (
    Angle,
    Count,
    Fraction,
    FractionBelow1,
    Name,
    NonNegative,
    PositiveRange,
    Seed,
    Size,
    Text,
    Workers,
)


class Albumentation(Component):
    """Any transform of albumentations."""

    model_config = ConfigDict(extra="allow")
    family = r"albumentations\.[A-Z]\w*"

    p: Fraction = 0.5
    transforms: list[Annotated[Any, one_of(Albumentation)]] = []


class Augmentation(Component):
    targets = ("fidip.data.Augmentation",)

    flip_probability: Fraction = 0.5
    scale_std: NonNegative = 0.35
    scale_limits: PositiveRange = [0.65, 1.35]
    rotation_std: NonNegative = 45.0
    rotation_limit: Angle = 90.0
    rotation_probability: Fraction = 0.6
    half_body_probability: Fraction = 0.3
    half_body_min_joints: Count = 8
    appearance: Annotated[Any, one_of(Albumentation)] | None = None


class SyripDataModule(Component):
    targets = ("fidip.data.SyripDataModule",)

    root: Text
    input_wh: Size
    batch_size: Annotated[int, Field(ge=1, le=65536)] = 20
    num_workers: Workers = 2
    augment: Annotated[Any, one_of(Augmentation)] | None = None
    balanced: bool = False
    train_split: Name = "train_infant"
    test_split: Name = "validate_infant"
    domain_split: Name = "train_pre_infant"
    val_fraction: FractionBelow1 = 0.1
    real_images: Count | None = None
    synthetic_images: Count | None = None
    target_split: Name | None = None
    target_images: Text | None = None
    target_boxes: Text | None = None
    target_frames: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    target_labels: Count | Literal["all"] | None = None
    replay_split: Name | None = None
    source_split: Name | None = None
    replay_augment: Annotated[Any, one_of(Augmentation)] | None = None
    seed: Seed = 0
    skip_unusable: bool = False
    allow_leakage: bool = False


class ClipDataModule(Component):
    targets = ("fidip.data.ClipDataModule",)

    root: Text
    input_wh: Size
    past: Annotated[int, Field(ge=0, le=32)]
    future: Annotated[int, Field(ge=0, le=32)]
    margin: Annotated[int, Field(ge=0, le=32)] = 0
    batch_size: Annotated[int, Field(ge=1, le=65536)] = 20
    num_workers: Workers = 2
    augment: Annotated[Any, one_of(Augmentation)] | None = None
    train_split: Name = "train_infant"
    test_split: Name = "validate_infant"
    val_fraction: FractionBelow1 = 0.1
    seed: Seed = 0
    skip_unusable: bool = False
    allow_leakage: bool = False


DataModules = one_of(SyripDataModule, ClipDataModule)
