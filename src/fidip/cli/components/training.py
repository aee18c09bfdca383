"""Schemas of optimizers, losses, tasks, callbacks, loggers and the trainer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from fidip.cli.components.component import Component, one_of
from fidip.cli.fields import (
    Bins,
    Count,
    Fraction,
    FractionBelow1,
    NonNegative,
    Positive,
    PositiveFloat,
    Rate,
    Text,
)


class Optimizer(Component):
    """Any optimizer of ``torch.optim``; other arguments than these are only checked for NaN."""

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


class OneCycle(Component):
    targets = ("fidip.tasks.one_cycle",)

    pct_start: FractionBelow1 = 0.2


class StepDecay(Component):
    targets = ("fidip.tasks.step_decay",)

    milestones: list[Fraction]
    gamma: Fraction = 0.1


class HeatmapMse(Component):
    targets = ("fidip.nn.losses.heatmap_mse",)


class HeatmapOhkm(Component):
    targets = ("fidip.nn.losses.heatmap_ohkm",)

    topk: Annotated[int, Field(ge=1, le=17)] = 8


class MoveNetLoss(Component):
    targets = ("fidip.nn.losses.movenet_loss",)

    vector_weight: NonNegative = 1e-3


class SimccKl(Component):
    targets = ("fidip.nn.losses.simcc_kl",)

    bins_wh: Bins
    beta: PositiveFloat = 10.0


class Always(Component):
    targets = ("fidip.adapt.always",)


class Ramp(Component):
    targets = ("fidip.adapt.ramp",)

    steepness: PositiveFloat = 10.0


Schedulers = one_of(Constant, OneCycle, StepDecay, TorchScheduler)


class Checkpoints(Component):
    targets = ("fidip.tasks.Checkpoints",)

    folder: Text
    monitor: Literal["val/OKS", "val/AP", "val/agreement", "val/teacher_agreement"] | None = (
        "val/OKS"
    )
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
