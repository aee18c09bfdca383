"""Composing a command's configuration, and Hydra's complaints in our own words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fidip.cli.config_validation import did_you_mean
from fidip.io.paths import config_dir

BASE = "base"
"""Folder of files that others share and users do not choose."""
COMPOSING = (HydraException, OmegaConfBaseException, ValueError, AssertionError)
"""What Hydra raises for overrides that do not fit, such as ``net=true``."""


def compose(
    command: str, overrides: Sequence[str], folder: str | None = None
) -> tuple[DictConfig | None, list[str]]:
    """Compose a command's configuration; overrides that do not fit are left out and reported.

    Args:
        command: name of the command.
        overrides: ``key=value`` words in Hydra's grammar.
        folder: further configurations by group, as of ``--config-dir``.

    Returns:
        The configuration, None where there is none, and a sentence about each bad override.
    """
    good, bad = list(overrides), []
    while True:
        try:
            config = _compose(command, good, folder)
            break
        except COMPOSING as error:
            message = " ".join(str(error).split())
            culprit = _culprit(command, good, message, folder)
            bad.append((culprit or "", message))
            if culprit is None:
                config = None
                break
            good.remove(culprit)
    return config, [explain(message, config, word, folder) for word, message in bad]


def choice(group: str, name: str) -> DictConfig:
    """Return one choice of a configuration group, such as the network ``resnet50``.

    Args:
        group: folder below ``conf``.
        name: file in it, without its suffix.
    """
    config = _compose(f"{group}/{name}", [], None)
    found = OmegaConf.select(config, group.replace("/", "."))
    assert isinstance(found, DictConfig)
    OmegaConf.set_struct(found, False)
    return found


def _compose(command: str, overrides: list[str], folder: str | None) -> DictConfig:
    if folder is not None:
        overrides = [*overrides, f"hydra.searchpath=['{Path(folder).absolute()}']"]
    if GlobalHydra.instance().is_initialized():
        return hydra.compose(command, overrides)
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        return hydra.compose(command, overrides)


def _culprit(
    command: str, overrides: Sequence[str], message: str, folder: str | None
) -> str | None:
    """The override that a message is about: it names it, or goes away with it."""
    for word in overrides:
        key, _, value = word.lstrip("+~").partition("=")
        if any(part in message for part in (word, f"'{key}'", f"'{key}/{value}'")):
            return word
    for word in overrides:
        try:
            _compose(command, [other for other in overrides if other != word], folder)
        except COMPOSING:
            continue
        return word
    return None


def explain(
    message: str, config: DictConfig | None, word: str = "", folder: str | None = None
) -> str:
    """Return Hydra's message as one sentence, with the nearest name that exists.

    Args:
        message: of Hydra or OmegaConf.
        config: what could be composed, for the names of keys.
        word: the override that the message is about.
        folder: further configurations by group, as of ``--config-dir``.
    """
    key = word.lstrip("+~").partition("=")[0]
    unknown = re.search(r"Could not override '([^'@]+)'", message)
    if unknown:
        name = unknown.group(1)
        return f"unknown key '{name}'{did_you_mean(name, names(config))}"
    choice = re.search(r"Could not find '([^']+)'", message)
    if choice:
        group, _, name = choice.group(1).rpartition("/")
        roots = [config_dir(), *([Path(folder)] if folder else [])]
        options = sorted({path.stem for root in roots for path in (root / group).glob("*.yaml")})
        near = did_you_mean(name, options)
        return f"no {group} '{name}'{near}; there are {', '.join(options)}"
    near = did_you_mean(key, names(config))
    known = {
        "Could not append": f"the key exists already; write {key}=VALUE without the +",
        "looks like a config group override": f"there is no group '{key}'{near}",
        "Error merging override": "expected a value of the kind that this key of Hydra's has",
        "Could not delete": f"there is nothing to delete{near}",
    }
    for part, problem in known.items():
        if part in message:
            return f"{word}: {problem}"
    return f"{word}: {message}" if word and word not in message else message


def names(config: DictConfig | None) -> list[str]:
    """Return the groups and, of a configuration, all keys."""
    groups = [path.name for path in config_dir().iterdir() if path.is_dir() and path.name != BASE]
    return [*groups, *_flatten(OmegaConf.to_container(config))] if config is not None else groups


def _flatten(node: Any, prefix: str = "") -> list[str]:
    if not isinstance(node, dict):
        return []
    keys = []
    for key, value in node.items():
        keys += [f"{prefix}{key}", *_flatten(value, f"{prefix}{key}.")]
    return keys
