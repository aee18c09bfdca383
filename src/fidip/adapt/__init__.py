"""Domain adaptation: one module for each method, all on the interface of ``method``."""

from fidip.adapt.averaged_views import AveragedViews
from fidip.adapt.distillation import feature_loss
from fidip.adapt.method import AdaptationMethod, AddedLoss, Term, Trained
from fidip.adapt.pseudo_labels import Confident, Occlusion
from fidip.adapt.schedules import always, ramp
from fidip.adapt.step import Part, Step
from fidip.adapt.teacher import MovingAverage
from fidip.adapt.views import AffineViews
from fidip.core.data_parts import DataPart

__all__ = [
    "AdaptationMethod",
    "AddedLoss",
    "AffineViews",
    "AveragedViews",
    "Confident",
    "DataPart",
    "MovingAverage",
    "Occlusion",
    "Part",
    "Step",
    "Term",
    "Trained",
    "always",
    "feature_loss",
    "ramp",
]
