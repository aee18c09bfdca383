"""Freezing parts of a network by name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NamedTuple

from torch import nn

from fidip.errors import ConfigError


class FrozenCounts(NamedTuple):
    """How much of a network does not learn."""

    tensors: int
    parameters: int


def freeze(net: nn.Module, names: Sequence[str]) -> tuple[nn.Module, ...]:
    """Take gradients from the named modules of ``net``.

    Their BatchNorm statistics still move in train mode: whoever calls keeps them in eval mode.

    Args:
        net: the network.
        names: full names of its modules, such as ``backbone.conv1``.

    Returns:
        The modules, in the order of their names.

    Raises:
        ConfigError: a module does not exist, or a name stands for the whole network.
    """
    modules = tuple(_find(net, name) for name in names)
    for module in modules:
        module.requires_grad_(False)
    return modules


def frozen_counts(net: nn.Module) -> FrozenCounts:
    """How many parameter tensors and parameters of ``net`` get no gradient."""
    frozen = [p.numel() for p in net.parameters() if not p.requires_grad]
    return FrozenCounts(tensors=len(frozen), parameters=sum(frozen))


def _find(net: nn.Module, name: str) -> nn.Module:
    modules: dict[str, nn.Module] = dict(net.named_modules())
    del modules[""]
    if name not in modules:
        near = difflib.get_close_matches(name, modules) or [n for n, _ in net.named_children()]
        raise ConfigError(f"net.frozen: there is no module '{name}'; near: {', '.join(near)}")
    return modules[name]
