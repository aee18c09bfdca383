"""Domain adaptation: what makes features say nothing about the domain."""

from fidip.adapt.adversarial import always, ramp
from fidip.adapt.distillation import feature_loss

__all__ = ["always", "feature_loss", "ramp"]
