"""Schemas of ``fidip train`` and ``fidip adapt``, and of a run's ``config.yaml``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict

from fidip.cli.commands.command import Command, Inheriting
from fidip.cli.components import (
    AveragedWeights,
    Checkpoints,
    Codecs,
    CurveFile,
    DataModules,
    Methods,
    Nets,
    Optimizer,
    ProgressBar,
    Pruning,
    Schedulers,
    SyripDataModule,
    Tasks,
    Trainer,
    WandbRun,
    one_of,
)
from fidip.cli.fields import (
    Count,
    Device,
    Fraction,
    InputFolder,
    InputPath,
    Name,
    Positive,
    PositiveFloat,
    Seed,
    Strict,
    Text,
)


class _Sweep(Strict):
    resume: bool = False
    started: Text
    storage: Text | None = None
    study: Text | None = None
    trial: Count | None = None


class Loggers(Strict):
    """Loggers by name. Users may add others."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, Annotated[Any, one_of()]]
    csv: Annotated[Any, one_of(CurveFile)] | None = None
    wandb: Annotated[Any, one_of(WandbRun)] | None = None
    images: bool = False


Callbacks = one_of(Checkpoints, ProgressBar, AveragedWeights, Pruning)


class Train(Command):
    """Settings of ``fidip train``."""

    main_key = "experiment"
    groups = frozenset(
        {
            "augment",
            "debug",
            "experiment",
            "frozen",
            "loss",
            "recipe",
            "sweep",
            "target",
            "temporal",
        }
    )
    sweeps = True

    name: Name
    group: Name
    seed: Seed
    ckpt: Text | None = None
    allow_partial: bool = False
    allow_leakage: bool = False
    allow_targets: list[Text] = []
    resume: Text | None = None
    overwrite: bool = False
    run_dir: Text
    sweep: _Sweep
    data: Annotated[Any, DataModules]
    net: Annotated[Any, Nets]
    codec: Annotated[Any, Codecs]
    task: Annotated[Any, Tasks]
    method: Annotated[Any, Methods] | None = None
    optimizer: Annotated[Any, one_of(Optimizer)]
    scheduler: Annotated[Any, Schedulers]
    callbacks: dict[str, Annotated[Any, Callbacks]]
    logger: Loggers
    trainer: Annotated[Any, one_of(Trainer)]


class SavedConfig(Strict):
    """The parts of a run directory's ``config.yaml`` that are built again, if it has them."""

    model_config = ConfigDict(extra="ignore")

    name: Name = "unnamed"
    group: Name = "none"
    seed: Seed = 0
    data: Annotated[Any, DataModules] | None = None
    net: Annotated[Any, Nets] | None = None
    codec: Annotated[Any, Codecs] | None = None
    task: Annotated[Any, Tasks] | None = None
    method: Annotated[Any, Methods] | None = None
    callbacks: dict[str, Annotated[Any, Callbacks]] | None = None
    logger: Loggers | None = None
    trainer: Annotated[Any, one_of(Trainer)] | None = None


class Adapt(Inheriting):
    """Settings of ``fidip adapt``: those of ``fidip frames``, and of training."""

    main_key = "source"
    needs = {"source": "give source=FOLDER, FILE or 'PATTERN'", "out": "give out=DIR"}
    refers = frozenset({"allow_leakage", "callbacks", "group", "logger", "scheduler", "task"})

    source: Text | None = None
    labels: InputPath | None = None
    out: Text | None = None
    synthetic: InputFolder | None = None
    split: Literal["subject", "video"] = "subject"
    test_subjects: list[Text | int] | Text | int | None = None
    subject: Text | None = None
    counts: list[Positive] = [10, 25, 50]
    updates: Positive = 300
    unlabelled: Count = 400
    seed: Seed = 0
    rate: PositiveFloat = 5.0
    lost: Fraction = 0.2
    trust: Fraction = 0.33
    device: Device | None = None
    data: Annotated[Any, one_of(SyripDataModule)]
    method: Annotated[Any, Methods] | None = None
    optimizer: Annotated[Any, one_of(Optimizer)]
    trainer: Annotated[Any, one_of(Trainer)]
