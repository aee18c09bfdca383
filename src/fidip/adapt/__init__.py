"""Domain adaptation: one module for each method, all on the interface of ``method``."""

from fidip.adapt.distillation import feature_loss
from fidip.adapt.method import AdaptationMethod, Part, Step, Trained
from fidip.adapt.schedules import always, ramp
from fidip.core.data_parts import DataPart

__all__ = [
    "AdaptationMethod",
    "DataPart",
    "Part",
    "Step",
    "Trained",
    "always",
    "feature_loss",
    "ramp",
]
