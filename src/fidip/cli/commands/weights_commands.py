"""Schemas of ``fidip convert``, ``fidip export`` and ``fidip zoo``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fidip.cli.commands.command import Command, Inheriting
from fidip.cli.components import (
    Nets,
)
from fidip.cli.fields import (
    Name,
    Text,
)


class Convert(Command):
    """Settings of ``fidip convert``."""

    main_key = "src"
    needs = {"src": "give src=CHECKPOINT", "out": "give out=FILE.safetensors"}

    src: Text | None = None
    out: Text | None = None
    net: Annotated[Any, Nets] | None = None
    allow_targets: list[Text] = []


class Export(Inheriting):
    """Settings of ``fidip export``."""

    main_key = "ckpt"
    needs = {"ckpt": "give ckpt=RUN_OR_CKPT", "out": "give out=FILE"}

    format: Literal["onnx", "torchscript", "openvino"] = "onnx"
    out: Text | None = None
    input: Literal["pixels", "normalized", "rtmlib"] = "pixels"
    decode: bool = False


class Zoo(Command):
    """Settings of ``fidip zoo``."""

    main_key = "fetch"

    fetch: Name | None = None
