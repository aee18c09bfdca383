"""Detection of diverged training: a non-finite loss or weight ends the run with one line."""

from __future__ import annotations

from collections.abc import Iterable

import pytorch_lightning as pl
import torch
from torch import Tensor

from fidip.core.errors import DivergedError
from fidip.inference.predictor import bad_weights

EVERY = 50
"""Updates between two checks of the loss on a GPU, because each check waits for the device."""


def are_finite(tensors: Iterable[Tensor]) -> bool:
    """Return whether tensors on one device are finite; waits for the device once.

    Args:
        tensors: the tensors.
    """
    found = [tensor.isfinite().all() for tensor in tensors if tensor.is_floating_point()]
    return not found or bool(torch.stack(found).all())


def require_finite_weights(trainer: pl.Trainer, module: pl.LightningModule) -> None:
    """End the run if its weights or BatchNorm statistics are not finite.

    All processes must call it at the same time.

    Args:
        trainer: the trainer.
        module: the module to check.

    Raises:
        DivergedError: they are not finite.
    """
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    is_bad = not are_finite(tensors.values())
    name = next((n for n, t in tensors.items() if not are_finite([t])), "") if is_bad else ""
    stop_if(is_bad, trainer, f"the weights are NaN or infinite (the first: {name})")


def stop_if(is_bad: bool, trainer: pl.Trainer, what: str) -> None:
    """End the run in all processes if one of them has diverged; the first process reports it.

    Args:
        is_bad: whether this process has diverged.
        trainer: the trainer.
        what: description of what is not finite, for the message.

    Raises:
        DivergedError: in the first process, if any process has diverged.
        CheckpointError: the same in a test without training.
    """
    if not trainer.strategy.reduce_boolean_decision(is_bad, all=False):
        return
    if not trainer.is_global_zero:
        raise SystemExit(0)  # otherwise Lightning kills the first before it reports
    if trainer.testing and not trainer.global_step:  # the weights are not of this run
        raise bad_weights(what)
    rates = (
        [group["lr"] for group in trainer.optimizers[0].param_groups] if trainer.optimizers else []
    )
    rate = f" (now {rates[0]:g})" if rates else ""
    half = "16" in str(trainer.precision)
    precision = f", or trainer.precision=32-true (now {trainer.precision})" if half else ""
    raise DivergedError(
        f"epoch {trainer.current_epoch + 1}, update {trainer.global_step + 1}: {what}; training "
        "diverged, most often by a learning rate that is too high. Start the run again with "
        f"a lower optimizer.lr{rate}{precision}"
    )
