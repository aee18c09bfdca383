"""Domain adaptation: one module for each method, all on the interface of ``method``."""

from fidip.adapt.distillation import feature_loss
from fidip.adapt.method import AdaptationMethod, AddedLoss, Part, Step, Term, Trained
from fidip.adapt.schedules import always, ramp
from fidip.core.data_parts import DataPart

__all__ = [
    "AdaptationMethod",
    "AddedLoss",
    "DataPart",
    "Part",
    "Step",
    "Term",
    "Trained",
    "always",
    "feature_loss",
    "ramp",
]
