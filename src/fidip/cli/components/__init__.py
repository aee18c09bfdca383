"""Schemas of what a configuration may build: every ``_target_`` with its arguments.

The schemas mirror constructors, with one field for each argument, so that values are checked in
milliseconds and before PyTorch is imported. They are also the list of targets that a run directory
may name; see ``fidip.cli.targets``.
"""

from fidip.cli.components.component import (
    REGISTRY,
    SCHEMA_FAMILIES,
    Component,
    is_allowed,
    one_of,
    schema_of,
    trusting,
)
from fidip.cli.components.data import DataModules, SyripDataModule
from fidip.cli.components.inference import (
    Chain,
    NoDetector,
    OnnxDetector,
    Overlay,
    TorchvisionDetector,
)
from fidip.cli.components.nets import Codecs, Nets, PoseNet
from fidip.cli.components.synthesis import Appearance, ClipEvents
from fidip.cli.components.tasks import Methods, Tasks
from fidip.cli.components.training import (
    AveragedWeights,
    Checkpoints,
    CurveFile,
    Optimizer,
    ProgressBar,
    Pruning,
    Schedulers,
    Trainer,
    WandbRun,
)

__all__ = [
    "REGISTRY",
    "SCHEMA_FAMILIES",
    "Appearance",
    "AveragedWeights",
    "Chain",
    "Checkpoints",
    "ClipEvents",
    "Codecs",
    "Component",
    "CurveFile",
    "DataModules",
    "Methods",
    "Nets",
    "NoDetector",
    "OnnxDetector",
    "Optimizer",
    "Overlay",
    "PoseNet",
    "ProgressBar",
    "Pruning",
    "Schedulers",
    "SyripDataModule",
    "Tasks",
    "TorchvisionDetector",
    "Trainer",
    "WandbRun",
    "is_allowed",
    "one_of",
    "schema_of",
    "trusting",
]
