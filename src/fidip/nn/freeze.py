"""Freeze parts of a network, by name or for the duration of a block."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from fidip.core.errors import ArgumentError


def freeze(net: nn.Module, names: Sequence[str]) -> tuple[nn.Module, ...]:
    """Disable gradients of the named modules and parameters.

    BatchNorm statistics still change in train mode; keep the returned modules in eval mode to avoid
    that.

    Args:
        net: the network.
        names: full names, such as ``backbone.conv1`` or ``backbone.conv1.weight``.

    Returns:
        The modules among the named parts, in the order of ``names``.

    Raises:
        ArgumentError: a name does not exist, or stands for the whole network.
    """
    found = [_find(net, name) for name in names]
    for part in found:
        part.requires_grad_(False)
    return tuple(part for part in found if isinstance(part, nn.Module))


@contextmanager
def fixed(module: nn.Module) -> Iterator[None]:
    """Keep the weights and statistics of a module fixed while gradients flow through it.

    In train mode, BatchNorm still normalises by batch statistics, so the module computes the same
    function as during its own training; only its running statistics stay unchanged.

    Args:
        module: any module. Parameters that did not require gradients before do not afterwards.

    Yields:
        None.

    Example:
        >>> import torch
        >>> head, features = nn.Linear(2, 1, bias=False), torch.ones(1, 2, requires_grad=True)
        >>> with fixed(head):
        ...     head(features).sum().backward()
        >>> features.grad is None, head.weight.grad is None
        (False, True)
    """
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    parameters = [p for p in module.parameters() if p.requires_grad]
    _set_learning(parameters, norms, False)
    try:
        yield
    finally:
        _set_learning(parameters, norms, True)


def _set_learning(parameters: list[nn.Parameter], norms: list[_BatchNorm], on: bool) -> None:
    for parameter in parameters:
        parameter.requires_grad_(on)
    for norm in norms:
        norm.track_running_stats = on


def _find(net: nn.Module, name: str) -> nn.Module | nn.Parameter:
    parts = {**dict(net.named_modules()), **dict(net.named_parameters())}
    del parts[""]
    if name not in parts:
        near = difflib.get_close_matches(name, parts) or [n for n, _ in net.named_children()]
        raise ArgumentError(
            "frozen",
            name,
            f"there is no module or parameter of that name; near: {', '.join(near)}. An empty list "
            "trains everything",
        )
    return parts[name]
