"""Schemas of ``fidip predict``, ``fidip app`` and ``fidip frames``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Len

from fidip.cli.commands.command import Inheriting
from fidip.cli.components import (
    Chain,
    NoDetector,
    OnnxDetector,
    Overlay,
    TorchvisionDetector,
    one_of,
)
from fidip.cli.fields import (
    Device,
    Fraction,
    InputFile,
    InputPath,
    NonNegative,
    Port,
    Positive,
    PositiveFloat,
    Seed,
    Text,
    Turn,
)


class Predict(Inheriting):
    """Settings of ``fidip predict``."""

    main_key = "source"
    needs = {"source": "give source=FILE, FOLDER or 'PATTERN'"}

    source: Text | None = None
    seconds: PositiveFloat | None = None
    smoothing: Annotated[Any, one_of(Chain)]
    detector: Annotated[Any, one_of(NoDetector, TorchvisionDetector, OnnxDetector)]
    boxes: InputFile | None = None
    save: list[
        Literal["overlay", "coco", "csv", "parquet", "dlc", "nwb", "netcdf", "timeline", "movement"]
    ]
    overlay: Annotated[Any, one_of(Overlay)]
    blur_face: bool = False
    on_black: bool = False
    person: Literal["infant", "surest"] = "infant"
    rotations: Annotated[list[Turn], Len(1, 72)]
    lost: Fraction = 0.2
    device: Device | None = None
    runtime: Literal["torch", "onnx"] | None = None
    flip_test: bool | None = None
    rotation_test: Annotated[list[Turn], Len(0, 72)] = []
    out: Text | None = None
    overwrite: bool = False


class App(Predict):
    """Settings of ``fidip app``: those of ``fidip predict``, and of the local web server."""

    main_key = "port"

    host: Text = "127.0.0.1"
    port: Port = 8000
    label: InputPath | None = None
    keep: Text | None = None
    open_browser: bool = True
    max_upload_mb: PositiveFloat = 2000
    max_queued: Positive = 16
    max_queued_per_page: Positive = 4


class Frames(Inheriting):
    """Settings of ``fidip frames``."""

    main_key = "source"
    needs = {"source": "give source=FOLDER, FILE or 'PATTERN'", "out": "give out=DIR"}

    source: Text | None = None
    out: Text | None = None
    count: Positive = 50
    choice: Literal["useful", "random", "uniform"] = "random"
    subject: Text | None = None
    seed: Seed = 0
    rate: PositiveFloat = 5.0
    gap: NonNegative = 0.5
    person: Literal["infant", "surest"] = "infant"
    lost: Fraction = 0.2
    device: Device | None = None
    runtime: Literal["torch", "onnx"] | None = None
