"""Training: LightningModules that take networks, codecs, losses and adaptation methods."""

from fidip.tasks.adaptation_task import AdaptationTask
from fidip.tasks.callbacks.checkpointing import AtomicCheckpoints, Checkpoints
from fidip.tasks.callbacks.ema import AveragedWeights
from fidip.tasks.callbacks.progress_bar import ProgressBar
from fidip.tasks.callbacks.pruning import Pruned, Pruning, open_storage
from fidip.tasks.distributed import SyncedBatchNorms
from fidip.tasks.fidip_task import FidipTask
from fidip.tasks.learning_rates import constant, one_cycle, step_decay
from fidip.tasks.loggers import CurveFile
from fidip.tasks.pose_task import PoseTask
from fidip.tasks.precision import Float64
from fidip.tasks.replay_task import ReplayTask
from fidip.tasks.sequence_task import LossesOverTime, SequenceTask
from fidip.tasks.wandb_run import WandbRun, announce, has_key, publish

__all__ = [
    "AdaptationTask",
    "AtomicCheckpoints",
    "AveragedWeights",
    "Checkpoints",
    "CurveFile",
    "FidipTask",
    "Float64",
    "LossesOverTime",
    "PoseTask",
    "ProgressBar",
    "Pruned",
    "Pruning",
    "ReplayTask",
    "SequenceTask",
    "SyncedBatchNorms",
    "WandbRun",
    "announce",
    "constant",
    "has_key",
    "one_cycle",
    "open_storage",
    "publish",
    "step_decay",
]
