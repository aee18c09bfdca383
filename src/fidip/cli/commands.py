"""Schemas of the commands: their keys with types and ranges."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Len
from omegaconf import DictConfig, OmegaConf
from pydantic import ConfigDict, Field

from fidip.cli.components import (
    Appearance,
    AveragedWeights,
    Chain,
    Checkpoints,
    ClipEvents,
    Codecs,
    CurveFile,
    DataModules,
    Methods,
    Nets,
    NoDetector,
    OnnxDetector,
    Optimizer,
    Overlay,
    ProgressBar,
    Pruning,
    Schedulers,
    SyripDataModule,
    Tasks,
    TorchvisionDetector,
    Trainer,
    WandbRun,
    one_of,
)
from fidip.cli.fields import (
    Count,
    DepthRange,
    Device,
    Fraction,
    InputFile,
    InputFolder,
    InputPath,
    Name,
    NonNegative,
    Port,
    Positive,
    PositiveFloat,
    Seed,
    Size,
    Strict,
    Text,
    Turn,
    Workers,
)


class Command(Strict):
    """Base of the commands' schemas.

    Attributes:
        main_key: the key that a lone word on the command line most likely belongs to.
        takes_word: whether a lone word is the value of ``main_key``.
        needs: keys without a default, and what to give.
        groups: configuration groups that may be chosen, in addition to the fields.
        inherits: whether an experiment may be named, of which only the fields are used.
        refers: keys of an experiment that the fields refer to and users cannot set.
        sweeps: whether ``-m`` runs it several times.
    """

    main_key: ClassVar[str] = "data.root"
    takes_word: ClassVar[bool] = False
    needs: ClassVar[dict[str, str]] = {}
    groups: ClassVar[frozenset[str]] = frozenset()
    inherits: ClassVar[bool] = False
    refers: ClassVar[frozenset[str]] = frozenset()
    sweeps: ClassVar[bool] = False

    @classmethod
    def used(cls, config: DictConfig) -> DictConfig:
        """Return the part of a composed configuration that the command uses."""
        if not cls.inherits:
            return config
        keys = {*cls.model_fields, *cls.refers}
        part = OmegaConf.masked_copy(config, [str(key) for key in config if key in keys])
        OmegaConf.set_struct(part, True)
        return part


class _Inheriting(Command):
    """A command that takes network and data from an experiment, and nothing else."""

    model_config = ConfigDict(extra="ignore")

    inherits: ClassVar[bool] = True
    groups: ClassVar[frozenset[str]] = frozenset({"experiment"})

    name: Name
    net: Annotated[Any, Nets]
    codec: Annotated[Any, Codecs]
    run_dir: Text | None = None
    ckpt: Text | None = None
    allow_partial: bool = False
    allow_targets: list[Text] = []


class _Sweep(Strict):
    resume: bool = False
    started: Text
    storage: Text | None = None
    study: Text | None = None
    trial: Count | None = None


class _Loggers(Strict):
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
    logger: _Loggers
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
    logger: _Loggers | None = None
    trainer: Annotated[Any, one_of(Trainer)] | None = None


class Evaluate(_Inheriting):
    """Settings of ``fidip evaluate``; the others come from the run of ``ckpt``."""

    main_key = "ckpt"
    groups = frozenset({"experiment", "debug", "frozen"})
    refers = frozenset({"group", "method", "optimizer", "scheduler"})

    seed: Seed
    data: Annotated[Any, DataModules]
    task: Annotated[Any, Tasks]
    logger: _Loggers
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


class Predict(_Inheriting):
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


class Frames(_Inheriting):
    """Settings of ``fidip frames``."""

    main_key = "source"
    needs = {"source": "give source=FOLDER, FILE or 'PATTERN'", "out": "give out=DIR"}

    source: Text | None = None
    out: Text | None = None
    count: Positive = 50
    choice: Literal["useful", "random", "uniform"] = "useful"
    subject: Text | None = None
    seed: Seed = 0
    rate: PositiveFloat = 5.0
    gap: NonNegative = 0.5
    person: Literal["infant", "surest"] = "infant"
    lost: Fraction = 0.2
    device: Device | None = None
    runtime: Literal["torch", "onnx"] | None = None


class Adapt(_Inheriting):
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
    device: Device | None = None
    data: Annotated[Any, one_of(SyripDataModule)]
    method: Annotated[Any, Methods] | None = None
    optimizer: Annotated[Any, one_of(Optimizer)]
    trainer: Annotated[Any, one_of(Trainer)]


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


class Export(_Inheriting):
    """Settings of ``fidip export``."""

    main_key = "ckpt"
    needs = {"ckpt": "give ckpt=RUN_OR_CKPT", "out": "give out=FILE"}

    format: Literal["onnx", "torchscript", "openvino"] = "onnx"
    out: Text | None = None
    input: Literal["pixels", "normalized", "rtmlib"] = "pixels"
    decode: bool = False


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


class _TestData(Strict):
    root: Text | None = None


class Compare(Command):
    """Settings of ``fidip compare``."""

    main_key = "runs"
    takes_word = True

    runs: Text
    against: Text | None = None
    rounds: Annotated[int, Field(ge=20, le=1_000_000)] = 1000
    data: _TestData
    to: Literal["html", "wandb"] = "html"
    project: Text = "fidip"
    entity: Text | None = None
    out: Text
    allow_targets: list[Text] = []


class Convert(Command):
    """Settings of ``fidip convert``."""

    main_key = "src"
    needs = {"src": "give src=CHECKPOINT", "out": "give out=FILE.safetensors"}

    src: Text | None = None
    out: Text | None = None
    net: Annotated[Any, Nets] | None = None
    allow_targets: list[Text] = []


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


class Zoo(Command):
    """Settings of ``fidip zoo``."""

    main_key = "fetch"

    fetch: Name | None = None


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


SCHEMAS: dict[str, type[Command]] = {
    "adapt": Adapt,
    "app": App,
    "check": Check,
    "compare": Compare,
    "evaluate": Evaluate,
    "export": Export,
    "convert": Convert,
    "frames": Frames,
    "labels": Labels,
    "predict": Predict,
    "synthesize": Synthesize,
    "train": Train,
    "zoo": Zoo,
}
