"""Schemas of ``fidip check``, ``fidip labels`` and ``fidip synthesize``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Len
from pydantic import ConfigDict, Field

from fidip.cli.commands.command import Command
from fidip.cli.components import (
    Appearance,
    ClipEvents,
    SyripDataModule,
    one_of,
)
from fidip.cli.fields import (
    Count,
    DepthRange,
    InputFile,
    InputFolder,
    InputPath,
    Name,
    Positive,
    Seed,
    Size,
    Strict,
    Text,
    Workers,
)


class _CodecSize(Strict):
    input_wh: Size | None = None


class Check(Command):
    """Settings of ``fidip check``."""

    needs = {"data.root": "give the folder of the data set"}

    data: Annotated[Any, one_of(SyripDataModule)]
    splits: list[Name] | Name | None = None
    out: Text | None = None
    codec: _CodecSize
    seed: Seed = 0


LabelFormat = Literal[
    "coco", "label-studio", "cvat", "labelme", "deeplabcut", "sleap", "table", "points"
]
"""Keys of ``fidip.data.label_formats.LABEL_FORMATS``."""


class Labels(Command):
    """Settings of ``fidip labels``."""

    main_key = "source"
    needs = {"source": "give source=FILE", "out": "give out=DIR"}

    source: InputPath | None = None
    out: Text | None = None
    format: LabelFormat | None = None
    to: Literal["coco", "label-studio", "cvat"] = "coco"
    images: InputFolder | None = None
    split: Name = "train"
    annotator: int | Text | None = None
    joints: dict[str, str] | None = None
    depth: DepthRange | None = None
    is_synthetic: bool | None = None


class _Part(Strict):
    group: Literal["infant", "adult"]
    appearance: Name
    is_synthetic: bool
    count: Annotated[int, Field(ge=1, le=10_000_000)]


class _Clips(Strict):
    group: Literal["infant", "adult"]
    appearance: Name
    postures: Annotated[list[Name], Len(1)]
    number: Positive
    seconds: Annotated[float, Field(gt=0, le=60)]
    fps: Annotated[float, Field(gt=0, le=240)]
    variable: bool = False
    kind: Name | None = None
    events: Annotated[Any, one_of(ClipEvents)] | None = None
    subjects: list[Positive] = []


class _Preset(Strict):
    """A preset. It may have numbers of its own that its splits refer to."""

    model_config = ConfigDict(extra="allow")

    size_wh: Annotated[list[Annotated[int, Field(ge=16, le=8192)]], Len(2, 2)]
    splits: dict[Name, list[_Part]] = {}
    clips: dict[Name, list[_Clips]] = {}
    more_labels: Literal["none", "joints", "all"] = "none"


class Synthesize(Command):
    """Settings of ``fidip synthesize``."""

    main_key = "preset"
    needs = {"out": "give out=DIR"}
    groups = frozenset({"appearance"})

    preset: _Preset
    appearances: dict[Name, Annotated[Any, one_of(Appearance)]]
    out: Text | None = None
    seed: Seed = 0
    workers: Annotated[Workers, Field(ge=1)] = 2
    force: bool = False
    first: Positive | None = None
    more_labels: Literal["none", "joints", "all"] | None = None
    extra_points: list[Literal["palm", "sole", "vertex"]] = []
    body: InputFile | None = None
    body_group: Literal["infant", "adult"] = "infant"
    body_face: Annotated[list[Count], Len(5, 5)] | None = None
    allow_targets: list[Text] = []
