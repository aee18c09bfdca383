"""Builds objects from configurations, which may come from an unknown source.

The ``config.yaml`` of a run directory may name only the classes and functions in
``fidip.cli.components``, with the arguments listed there, and the modules that the user trusts with
``allow_targets=[my.module]`` on the command line.
"""

from __future__ import annotations

from typing import Any

import hydra.utils
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import create_model

from fidip.cli.components import schema_of
from fidip.cli.config_validation import find_problems
from fidip.core.errors import ConfigError, FidipError


def instantiate(node: DictConfig, *args: Any, source: object = None, **kwargs: Any) -> Any:
    """Build the object that a node describes, if all of its targets are allowed.

    Args:
        node: a mapping with a ``_target_``, or a mapping of such mappings.
        args: positional arguments of the target.
        source: file of the node, for messages.
        kwargs: arguments that replace those of the node.

    Returns:
        The object, or a mapping of objects.

    Raises:
        ConfigError: a target is not allowed, or an argument does not fit it.
    """
    where = f"{source}: " if source else ""
    key = str(node._get_full_key("")) or "configuration"
    try:
        values = OmegaConf.to_container(node, resolve=True)
        problems = _problems(values, key)
        if problems:
            raise ConfigError(where + "; ".join(problems))
        return hydra.utils.instantiate(node, *args, **kwargs)
    except (HydraException, OmegaConfBaseException) as error:
        cause = error.__cause__ or error
        if isinstance(cause, FidipError):
            raise type(cause)(f"{where}{cause}") from error
        reason = " ".join(str(cause).split()) or type(cause).__name__
        raise ConfigError(f"{where}{key}: cannot build {node.get('_target_')}: {reason}") from error


def _problems(values: Any, key: str) -> list[str]:
    """Return what is wrong with a component, or with the components of a mapping."""
    if not isinstance(values, dict):
        return []
    if "_target_" not in values:
        return [p for name, value in values.items() for p in _problems(value, f"{key}.{name}")]
    slot: Any = schema_of(values["_target_"]) or Any
    schema = create_model("Node", **{key: (slot, ...)})  # type: ignore[call-overload]
    return find_problems(schema, OmegaConf.create({key: values}))
