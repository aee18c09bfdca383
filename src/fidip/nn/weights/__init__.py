"""Weights: the model zoo, checkpoint files, and converters of external checkpoints."""
