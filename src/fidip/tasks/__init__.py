"""What is trained, and how: LightningModules that take networks, codecs and losses as they are."""

from fidip.tasks.callbacks import ProgressBar
from fidip.tasks.checkpoints import Checkpoints, WholeCheckpoints
from fidip.tasks.fidip import FidipTask
from fidip.tasks.loggers import CurveFile, publish, wandb_logger
from fidip.tasks.pose import PoseTask
from fidip.tasks.schedules import constant, step_decay

__all__ = [
    "Checkpoints",
    "CurveFile",
    "FidipTask",
    "PoseTask",
    "ProgressBar",
    "WholeCheckpoints",
    "constant",
    "publish",
    "step_decay",
    "wandb_logger",
]
