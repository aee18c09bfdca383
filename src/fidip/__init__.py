"""fidip: infant pose estimation with little data, by adversarial domain adaptation (FiDIP)."""

__version__ = "0.1.0"
