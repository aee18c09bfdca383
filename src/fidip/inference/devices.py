"""Compute devices."""

from __future__ import annotations

import torch

from fidip.core.errors import ArgumentError


def torch_device(device: str | None = None) -> torch.device:
    """Return a PyTorch device that is available.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``; None for a GPU if available, else the CPU.

    Raises:
        ArgumentError: the GPU is not available.

    Example:
        >>> torch_device("cpu")
        device(type='cpu')
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    found = torch.device(device or ("cuda" if gpus else "cpu"))
    if found.type == "cuda" and (found.index or 0) >= gpus:
        raise ArgumentError(
            "device",
            device,
            f"PyTorch finds {gpus} GPUs here; expected cpu or one of them. Omit it to use a GPU if "
            "available",
        )
    return found
