"""What a configuration may build: every ``_target_`` with the types and ranges of its arguments.

The classes mirror constructors, one field an argument, so that values are checked in milliseconds
and before PyTorch is imported. They are also the list of targets that a run directory may name:
see ``fidip.cli.targets``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    Tag,
    model_validator,
)
from pydantic_core import CoreSchema

from fidip.cli.fields import (
    Angle,
    Channels,
    Count,
    CountRange,
    Device,
    Fraction,
    FractionBelow1,
    FractionRange,
    Kernel,
    Name,
    NonNegative,
    Positive,
    PositiveFloat,
    PositiveRange,
    QualityRange,
    Range,
    Rate,
    Seed,
    Size,
    Statistics,
    Strict,
    Text,
    Workers,
)

REGISTRY: dict[str, type[Component]] = {}
"""The schema of every exact target."""
FAMILIES: dict[str, type[Component]] = {}
"""The schema of every pattern of targets, such as all optimizers of PyTorch."""


class Component(Strict):
    """A node with a ``_target_``: the class or function that is called with the other keys."""

    targets: ClassVar[tuple[str, ...]] = ()
    family: ClassVar[str | None] = None

    target: str = Field(alias="_target_")
    partial: bool = Field(default=False, alias="_partial_")
    convert: Literal["none", "partial", "object", "all"] = Field(default="none", alias="_convert_")
    recursive: bool = Field(default=True, alias="_recursive_")

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        REGISTRY.update(dict.fromkeys(cls.__dict__.get("targets", ()), cls))
        if "family" in cls.__dict__ and cls.family is not None:
            FAMILIES[cls.family] = cls


def schema_of(target: object) -> type[Component] | None:
    """The schema of a target; None of one that is not in the list."""
    if not isinstance(target, str):
        return None
    families = (model for name, model in FAMILIES.items() if re.fullmatch(name, target))
    return REGISTRY.get(target) or next(families, None)


_trusted: ContextVar[tuple[str, ...]] = ContextVar("_trusted", default=())


@contextmanager
def trusting(targets: Iterable[str]) -> Iterator[None]:
    """Inside, allow further targets: these and all that is below them, ``my.module`` for instance."""
    token = _trusted.set((*_trusted.get(), *targets))
    try:
        yield
    finally:
        _trusted.reset(token)


def is_allowed(target: object) -> bool:
    """Whether a configuration may build ``target``."""
    return schema_of(target) is not None or any(
        target == name or str(target).startswith(f"{name}.") for name in _trusted.get()
    )


class Custom(Component):
    """A target of the user's own, named in ``allow_targets``; its arguments are not known."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True)
class one_of:  # noqa: N801 - reads as a word in annotations
    """The type of a slot: one of some components, or one of the user's own.

    Attributes:
        models: schemas of the components that fit.
    """

    models: tuple[type[Component], ...]

    def __init__(self, *models: type[Component]) -> None:
        object.__setattr__(self, "models", models)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        models: tuple[type[Component], ...] = (*self.models, Custom)
        union: Any = reduce(or_, [Annotated[model, Tag(model.__name__)] for model in models])
        return handler.generate_schema(Annotated[union, Discriminator(_name_of_schema)])


def _name_of_schema(node: Any) -> str:
    schema = schema_of(node.get("_target_")) if isinstance(node, dict) else None
    return schema.__name__ if schema is not None else Custom.__name__


# Codecs


class Decoder(Component):
    targets = ("fidip.heatmap.argmax_decode", "fidip.heatmap.quarter_decode")


class DarkDecoder(Component):
    targets = ("fidip.heatmap.dark_decode", "fidip.udp.dark_udp_decode")

    kernel: Kernel = 11


class Codec(Component):
    targets = (
        "fidip.heatmap.HeatmapCodec",
        "fidip.udp.UdpCodec",
        "fidip.movenet_codec.MoveNetCodec",
    )

    input_wh: Size
    heatmap_wh: Size
    sigma: Annotated[float, Field(gt=0, le=1000)]
    decoder: Annotated[Any, one_of(Decoder, DarkDecoder)]


# Networks


class HRNet(Component):
    targets = ("fidip.nn.HRNet",)

    name: Name = "hrnet_w48"


class TimmPyramid(Component):
    targets = ("fidip.nn.TimmPyramid",)

    name: Name
    width: Channels = 128
    stem_width: Channels | None = None
    channels: list[Channels] | None = None
    zero_init_last: bool | None = None
    output_stride: Positive | None = None
    drop_path_rate: FractionBelow1 | None = None


class TimmModel(Component):
    """Only names of timm's own list, and no files: timm would unpickle a ``checkpoint_path``."""

    targets = ("timm.create_model",)

    model_name: Annotated[str, Field(pattern=r"^\w+(\.\w+)?$")]
    num_classes: Literal[0] = 0
    global_pool: Literal[""] = ""
    output_stride: Positive | None = None
    drop_path_rate: FractionBelow1 | None = None


class ViT(Component):
    targets = ("fidip.nn.ViT",)

    width: Channels
    depth: Annotated[int, Field(ge=1, le=100)]
    heads: Annotated[int, Field(ge=1, le=64)]
    input_wh: Size = [192, 256]
    drop_path: FractionBelow1 = 0.0


class MoveNetBackbone(Component):
    targets = ("fidip.nn.MoveNetBackbone",)

    width: Annotated[float, Field(ge=0.125, le=4)] = 1.0
    norm: bool = False


class MoveNetHead(Component):
    targets = ("fidip.nn.MoveNetHead", "fidip.nn.MoveNetFullHead")

    joints: Channels = 17


class ConvHead(Component):
    targets = ("fidip.nn.ConvHead",)

    joints: Channels = 17


class DeconvHead(Component):
    targets = ("fidip.nn.DeconvHead",)

    joints: Channels = 17
    width: Channels = 256
    doublings: Annotated[int, Field(ge=1, le=8)] = 3


class UpsampleHead(Component):
    targets = ("fidip.nn.UpsampleHead",)

    joints: Channels = 17
    scale: Annotated[int, Field(ge=1, le=64)] = 4


class PixelShuffleHead(Component):
    targets = ("fidip.nn.PixelShuffleHead",)

    joints: Channels = 17
    width: Channels = 256


class PoseNet(Component):
    targets = ("fidip.nn.PoseNet",)

    backbone: Annotated[Any, one_of(HRNet, TimmPyramid, TimmModel, ViT, MoveNetBackbone)]
    head: Annotated[Any, one_of(ConvHead, DeconvHead, UpsampleHead, PixelShuffleHead, MoveNetHead)]
    mean: Statistics | None = None
    std: Annotated[list[PositiveFloat], Field(min_length=3, max_length=3)] | None = None
    frozen: list[Text] = []
    frozen_statistics: bool = True


class DomainHead(Component):
    targets = ("fidip.nn.DomainHead",)

    width: Channels = 32
    grid: Annotated[int, Field(ge=1, le=64)] = 4


class PaperDomainHead(Component):
    targets = (
        "fidip.nn.HRNetDomainHead",
        "fidip.nn.MobileNetDomainHead",
        "fidip.nn.ResNetDomainHead",
    )


# Optimisation


class Optimizer(Component):
    """Any optimizer of ``torch.optim``; arguments that are not listed are only checked for NaN."""

    model_config = ConfigDict(extra="allow")
    family = r"torch\.optim\.[A-Z]\w*"

    lr: Rate = 1e-3
    weight_decay: NonNegative = 0
    eps: NonNegative = 1e-8
    momentum: Fraction = 0
    betas: Annotated[list[FractionBelow1], Field(min_length=2, max_length=2)] = [0.9, 0.999]


class TorchScheduler(Component):
    """Any scheduler of ``torch.optim.lr_scheduler``."""

    model_config = ConfigDict(extra="allow")
    family = r"torch\.optim\.lr_scheduler\.[A-Z]\w*"

    max_lr: Rate | None = None
    pct_start: FractionBelow1 = 0.3
    gamma: Fraction = 0.1
    step_size: Positive = 1


class Constant(Component):
    targets = ("fidip.tasks.constant",)


class StepDecay(Component):
    targets = ("fidip.tasks.step_decay",)

    milestones: list[Fraction]
    gamma: Fraction = 0.1


class HeatmapMse(Component):
    targets = ("fidip.losses.heatmap_mse",)


class HeatmapOhkm(Component):
    targets = ("fidip.losses.heatmap_ohkm",)

    topk: Annotated[int, Field(ge=1, le=17)] = 8


class MoveNetLoss(Component):
    targets = ("fidip.losses.movenet_loss",)

    vector_weight: NonNegative = 1e-3


class Always(Component):
    targets = ("fidip.adapt.always",)


class Ramp(Component):
    targets = ("fidip.adapt.ramp",)

    steepness: PositiveFloat = 10.0


# Tasks

Schedulers = one_of(Constant, StepDecay, TorchScheduler)


class PoseTask(Component):
    targets = ("fidip.tasks.PoseTask",)

    net: Annotated[Any, one_of(PoseNet)]
    codec: Annotated[Any, one_of(Codec)]
    optimizer: Annotated[Any, one_of(Optimizer)]
    scheduler: Annotated[Any, Schedulers] = None
    loss: Annotated[Any, one_of(HeatmapMse, HeatmapOhkm, MoveNetLoss)] = None
    flip_test: bool = True
    flip_shift: bool = False


class FidipTask(PoseTask):
    targets = ("fidip.tasks.FidipTask",)

    domain_head: Annotated[Any, one_of(DomainHead, PaperDomainHead)]
    domain_optimizer: Annotated[Any, one_of(Optimizer)]
    domain_scheduler: Annotated[Any, Schedulers] = None
    adversarial_weight: Annotated[float, Field(ge=0, le=1e6)] = 0.0005
    adversarial_schedule: Annotated[Any, one_of(Always, Ramp)] = None
    domain_epochs: Count = 10
    accumulate: Positive = 1


# Data


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
    seed: Seed = 0
    skip_unusable: bool = False
    allow_contaminated: bool = False


# Lightning


class Checkpoints(Component):
    targets = ("fidip.tasks.Checkpoints",)

    folder: Text
    monitor: Literal["val/OKS", "val/AP"] | None = "val/OKS"
    every_minutes: NonNegative = 10
    max_requeues: Count = 20


class ProgressBar(Component):
    targets = ("fidip.tasks.ProgressBar",)

    refresh_rate: Count = 5


class AveragedWeights(Component):
    targets = ("fidip.tasks.AveragedWeights",)

    decay: FractionBelow1


class Pruner(Component):
    """Any pruner of Optuna."""

    model_config = ConfigDict(extra="allow")
    family = r"optuna\.pruners\.[A-Z]\w*"


class Pruning(Component):
    targets = ("fidip.tasks.Pruning",)

    storage: Text
    study: Text
    trial: Count
    pruner: Annotated[Any, one_of(Pruner)]
    monitor: Literal["val/OKS", "val/AP"] = "val/AP"


class CurveFile(Component):
    targets = ("fidip.tasks.CurveFile",)

    save_dir: Text


class WandbRun(Component):
    targets = ("fidip.tasks.WandbRun",)

    save_dir: Text
    name: Text
    id: Text | None
    job_type: Text
    group: Text
    tags: list[Text]
    project: Text = "fidip"
    entity: Text | None = None
    images: bool = False


class Strategy(Component):
    targets = ("pytorch_lightning.strategies.DDPStrategy",)

    broadcast_buffers: bool = True
    find_unused_parameters: bool = False
    gradient_as_bucket_view: bool = False
    static_graph: bool = False
    process_group_backend: Literal["nccl", "gloo"] | None = None
    start_method: Literal["popen", "spawn", "fork", "forkserver"] = "popen"


Batches = Count | Fraction | None
"""A number of batches, or a part of an epoch."""


class Trainer(Component):
    targets = ("pytorch_lightning.Trainer",)

    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu", "hpu"] = "auto"
    strategy: Annotated[Any, one_of(Strategy)] | Annotated[str, Field(min_length=1)] = "auto"
    devices: Positive | Literal[-1] | list[Count] | str = "auto"
    num_nodes: Positive = 1
    precision: Literal[
        "32-true", "64-true", "16-true", "bf16-true", "16-mixed", "bf16-mixed", "transformer-engine"
    ] = "32-true"
    max_epochs: Positive | Literal[-1] | None = None
    min_epochs: Positive | None = None
    max_steps: Positive | Literal[-1] = -1
    min_steps: Positive | None = None
    max_time: Text | None = None
    limit_train_batches: Batches = None
    limit_val_batches: Batches = None
    limit_test_batches: Batches = None
    limit_predict_batches: Batches = None
    overfit_batches: Count | Fraction = 0.0
    fast_dev_run: bool | Count = False
    val_check_interval: Positive | Fraction | None = None
    check_val_every_n_epoch: Positive | None = 1
    num_sanity_val_steps: Count | Literal[-1] | None = None
    log_every_n_steps: Positive | None = None
    enable_checkpointing: bool | None = None
    enable_progress_bar: bool | None = None
    enable_model_summary: bool | None = None
    enable_autolog_hparams: bool = True
    accumulate_grad_batches: Positive = 1
    gradient_clip_val: NonNegative | None = None
    gradient_clip_algorithm: Literal["norm", "value"] | None = None
    deterministic: bool | Literal["warn"] | None = None
    benchmark: bool | None = None
    inference_mode: bool = True
    use_distributed_sampler: bool = True
    profiler: Literal["simple", "advanced", "pytorch"] | None = None
    detect_anomaly: bool = False
    barebones: bool = False
    sync_batchnorm: bool = False
    reload_dataloaders_every_n_epochs: Count = 0
    default_root_dir: Text | None = None


# Inference


class SwapRepair(Component):
    targets = ("fidip.inference.smoothing.SwapRepair",)

    disbelief: NonNegative = 1.0


class Kalman(Component):
    targets = ("fidip.inference.smoothing.Kalman",)

    jerk: PositiveFloat = 30.0
    noise: PositiveFloat = 1.0
    decay: NonNegative = 5.0
    tail: PositiveFloat = 3.0
    rounds: Annotated[int, Field(ge=0, le=100)] = 4
    longest_gap: NonNegative = 0.5


class OneEuro(Component):
    targets = ("fidip.inference.smoothing.OneEuro",)

    min_cutoff: PositiveFloat = 2.0
    beta: NonNegative = 0.5
    speed_cutoff: PositiveFloat = 1.0
    forget: NonNegative = 0.5


class Hampel(Component):
    targets = ("fidip.inference.smoothing.Hampel",)

    reach: Positive = 3
    threshold: PositiveFloat = 3.5
    floor: NonNegative = 0.03


class FillGaps(Component):
    targets = ("fidip.inference.smoothing.FillGaps",)

    longest: NonNegative = 0.5


class SavitzkyGolay(Component):
    targets = ("fidip.inference.smoothing.SavitzkyGolay",)

    window: Kernel = 11
    order: Count = 2

    @model_validator(mode="after")
    def _order_below_window(self) -> SavitzkyGolay:
        if self.order >= self.window:
            raise ValueError(f"expected order below window={self.window}")
        return self


class Chain(Component):
    targets = ("fidip.inference.smoothing.Chain",)

    filters: list[
        Annotated[Any, one_of(SwapRepair, Kalman, OneEuro, Hampel, FillGaps, SavitzkyGolay)]
    ] = []
    causal: bool = False


class NoDetector(Component):
    targets = ("fidip.inference.detectors.NoDetector",)


class TorchvisionDetector(Component):
    targets = ("fidip.inference.detectors.TorchvisionDetector",)

    weights: Text | None = None
    threshold: Fraction = 0.5
    device: Device | None = None


class OnnxDetector(Component):
    targets = ("fidip.inference.detectors.OnnxDetector",)

    path: Text
    threshold: Fraction = 0.5
    person: Count = 1
    device: Device | None = None


class Overlay(Component):
    targets = ("fidip.inference.overlay.Overlay",)

    threshold: Fraction = 0.2
    blur_face: bool = False
    on_black: bool = False
    ghosts: Annotated[int, Field(ge=0, le=1000)] = 0
    fps: bool = False


# Synthesis


class Look(Component):
    targets = ("fidip.synth.Look",)

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
