"""Freezing parts of a network by name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NamedTuple

from torch import nn

from fidip.core.errors import ConfigError


class FrozenCounts(NamedTuple):
    """How much of a network does not learn."""

    tensors: int
    parameters: int


def freeze(net: nn.Module, names: Sequence[str]) -> tuple[nn.Module, ...]:
    """Take gradients from the named modules and parameters of ``net``.

    BatchNorm statistics still move in train mode: whoever calls keeps modules in eval mode.

    Args:
        net: the network.
        names: full names, such as ``backbone.conv1`` or ``backbone.conv1.weight``.

    Returns:
        The modules among them, in the order of their names.

    Raises:
        ConfigError: a name does not exist, or stands for the whole network.
    """
    found = [_find(net, name) for name in names]
    for part in found:
        part.requires_grad_(False)
    return tuple(part for part in found if isinstance(part, nn.Module))


def frozen_counts(net: nn.Module) -> FrozenCounts:
    """How many parameter tensors and parameters of ``net`` get no gradient."""
    frozen = [p.numel() for p in net.parameters() if not p.requires_grad]
    return FrozenCounts(tensors=len(frozen), parameters=sum(frozen))


def _find(net: nn.Module, name: str) -> nn.Module | nn.Parameter:
    parts = {**dict(net.named_modules()), **dict(net.named_parameters())}
    del parts[""]
    if name not in parts:
        near = difflib.get_close_matches(name, parts) or [n for n, _ in net.named_children()]
        raise ConfigError(
            f"net.frozen: there is no module or parameter '{name}'; near: {', '.join(near)}; "
            "frozen=none lets everything learn"
        )
    return parts[name]
