"""Schemas of ``fidip evaluate`` and ``fidip compare``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from fidip.cli.commands.command import Command, Inheriting
from fidip.cli.commands.training_commands import Loggers
from fidip.cli.components import (
    DataModules,
    Tasks,
    Trainer,
    one_of,
)
from fidip.cli.fields import (
    Fraction,
    InputFile,
    InputPath,
    Seed,
    Strict,
    Text,
)


class Evaluate(Inheriting):
    """Settings of ``fidip evaluate``; the others come from the run of ``ckpt``."""

    main_key = "ckpt"
    groups = frozenset({"experiment", "debug", "frozen"})
    refers = frozenset({"group", "method", "optimizer", "scheduler"})

    seed: Seed
    data: Annotated[Any, DataModules]
    task: Annotated[Any, Tasks]
    logger: Loggers
    trainer: Annotated[Any, one_of(Trainer)]
    predictions: InputPath | None = None
    split: Literal["test", "val"] = "test"
    boxes: Literal["gt"] | InputFile = "gt"
    box_threshold: Fraction = 0.0
    nms: Literal["hard", "soft"] = "hard"
    nms_threshold: Fraction = 0.9
    calibrate: bool = False
    second_annotator: InputFile | None = None
    clip_boxes: bool = True
    allow_leakage: bool = False
    out: Text
    overwrite: bool = False


class _TestData(Strict):
    root: Text | None = None


class Compare(Command):
    """Settings of ``fidip compare``."""

    main_key = "runs"
    takes_word = True

    runs: Text
    against: Text | None = None
    rounds: Annotated[int, Field(ge=20, le=1_000_000)] = 1000
    pair_seeds: bool = False
    data: _TestData
    to: Literal["html", "wandb"] = "html"
    project: Text = "fidip"
    entity: Text | None = None
    out: Text
    allow_targets: list[Text] = []
