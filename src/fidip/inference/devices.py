"""Compute devices."""

from __future__ import annotations

import torch

from fidip.core.errors import ConfigError


def torch_device(name: str | None = None) -> torch.device:
    """Return a PyTorch device that is available.

    Args:
        name: ``cpu``, ``cuda`` or ``cuda:N``; None for a GPU if available, else the CPU.

    Raises:
        ConfigError: the GPU is not available.

    Example:
        >>> torch_device("cpu")
        device(type='cpu')
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    device = torch.device(name or ("cuda" if gpus else "cpu"))
    if device.type == "cuda" and (device.index or 0) >= gpus:
        raise ConfigError(
            f"device={name}: PyTorch finds {gpus} GPUs here; expected cpu or one of them. Leave "
            "out device= to use a GPU if available"
        )
    return device
