"""Domain adaptation: what makes features say nothing about the domain."""

from fidip.adapt.adversarial import always, ramp

__all__ = ["always", "ramp"]
