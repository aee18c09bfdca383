"""Builds objects from configurations, which may come from an unknown source.

The ``config.yaml`` of a run directory may name only the classes and functions in
``fidip.cli.components``, with the arguments listed there, and the modules that the user trusts with
``allow_targets=[my.module]`` on the command line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import hydra.utils
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import create_model

from fidip.cli.components import schema_of
from fidip.cli.config_validation import find_problems
from fidip.core.errors import ArgumentError, ConfigError, FidipError, reason


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
        if isinstance(cause, ArgumentError):
            raise ConfigError(f"{where}{_with_key(cause, node, str(error))}") from error
        if isinstance(cause, FidipError):
            raise type(cause)(f"{where}{cause}") from error
        why = reason(cause)
        raise ConfigError(f"{where}{key}: cannot build {node.get('_target_')}: {why}") from error


@contextmanager
def keys_for_arguments(config: DictConfig) -> Iterator[None]:
    """Name the configuration keys of arguments in errors, in place of the arguments themselves."""
    try:
        yield
    except ArgumentError as error:
        plain = OmegaConf.to_container(config, throw_on_missing=False)
        raise error.renamed(_key_of(error, plain) or error.argument) from error


def _with_key(error: ArgumentError, node: DictConfig, message: str) -> ArgumentError:
    """Return the error of an object that Hydra could not build, with the argument's key."""
    found = re.search(r"full_key: (\S+)", message)
    prefix = found[1] if found else str(node._get_full_key(""))
    inside = OmegaConf.select(node._get_root(), prefix)
    has_it = isinstance(inside, DictConfig) and error.argument in inside
    return error.renamed(f"{prefix}.{error.argument}") if has_it else error


def _key_of(error: ArgumentError, settings: Any) -> str | None:
    """Return the key of an argument: with its value, its name as last words, and the fewest words.

    So ``face`` is ``body_face``, and ``data_root`` is ``data.root``.
    """
    value = list(error.value) if isinstance(error.value, tuple) else error.value
    name = error.argument.split("_")
    words = {key: re.findall(r"[^\W_]+", key) for key, held in _keys(settings) if held == value}
    found = [key for key in words if words[key][-len(name) :] == name]
    return min(found, key=lambda key: len(words[key]), default=None)


def _keys(settings: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the keys of nested settings, such as ``splits.train[0].count``, with their values."""
    parts: list[tuple[str, Any]] = []
    if isinstance(settings, dict):
        dot = "." if prefix else ""
        parts = [(f"{prefix}{dot}{key}", value) for key, value in settings.items()]
    elif isinstance(settings, list):
        parts = [(f"{prefix}[{number}]", value) for number, value in enumerate(settings)]
    for key, value in parts:
        yield key, value
        yield from _keys(value, key)


def _problems(values: Any, key: str) -> list[str]:
    """Return what is wrong with a component, or with the components of a mapping."""
    if not isinstance(values, dict):
        return []
    if "_target_" not in values:
        return [p for name, value in values.items() for p in _problems(value, f"{key}.{name}")]
    slot: Any = schema_of(values["_target_"]) or Any
    schema = create_model("Node", **{key: (slot, ...)})  # type: ignore[call-overload]
    return find_problems(schema, OmegaConf.create({key: values}))
