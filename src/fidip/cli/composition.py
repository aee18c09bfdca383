"""Composes the configuration of a command and explains Hydra's errors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fidip.cli.config_validation import did_you_mean
from fidip.io.paths import config_dir

BASE = "base"
"""Folder of files that other files include and users do not choose."""
COMPOSING = (HydraException, OmegaConfBaseException, ValueError, AssertionError)
"""What Hydra raises for overrides that do not fit, such as ``net=true``."""


def compose(command: str, overrides: Sequence[str]) -> tuple[DictConfig | None, list[str]]:
    """Compose a command's configuration without the overrides that do not fit, and report those.

    Args:
        command: name of the command.
        overrides: ``key=value`` words in Hydra's grammar.

    Returns:
        The configuration, or None if it cannot be composed, and a sentence about each bad override.
    """
    good, bad = list(overrides), []
    while True:
        try:
            config = composed(command, good)
            break
        except COMPOSING as error:
            message = " ".join(str(error).split())
            culprit = _culprit(command, good, message)
            bad.append((culprit or "", message))
            if culprit is None:
                config = None
                break
            good.remove(culprit)
    return config, [explain_hydra_error(message, config, word) for word, message in bad]


def choice(group: str, name: str) -> DictConfig:
    """Return one choice of a configuration group, such as the network ``resnet50``.

    Args:
        group: folder below ``conf``.
        name: file in it, without its suffix.
    """
    config = composed(f"{group}/{name}", [])
    found = OmegaConf.select(config, group.replace("/", "."))
    assert isinstance(found, DictConfig)
    OmegaConf.set_struct(found, False)
    return found


def choices(command: str) -> dict[str, str | None]:
    """Return the files that a command chooses by default, by group.

    Args:
        command: name of the command.
    """
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        settings = hydra.compose(command, return_hydra_config=True).hydra
    return dict(settings.runtime.choices)


def composed(command: str, overrides: Sequence[str]) -> DictConfig:
    """Return the configuration of a command, inside Hydra's application and outside.

    Raises:
        HydraException: an override does not fit; see ``COMPOSING`` for other errors.
    """
    if GlobalHydra.instance().is_initialized():
        return hydra.compose(command, list(overrides))
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        return hydra.compose(command, list(overrides))


def _culprit(command: str, overrides: Sequence[str], message: str) -> str | None:
    """Return the override that a message names, or that causes the message."""
    for word in overrides:
        key, _, value = word.lstrip("+~").partition("=")
        if any(part in message for part in (word, f"'{key}'", f"'{key}/{value}'")):
            return word
    for word in overrides:
        try:
            composed(command, [other for other in overrides if other != word])
        except COMPOSING:
            continue
        return word
    return None


def explain_hydra_error(message: str, config: DictConfig | None, word: str = "") -> str:
    """Return Hydra's message as one sentence, with the nearest name that exists.

    Args:
        message: of Hydra or OmegaConf.
        config: what could be composed, for names of keys.
        word: override that the message is about.
    """
    key = word.lstrip("+~").partition("=")[0]
    unknown = re.search(r"Could not override '([^'@]+)'", message)
    if unknown:
        name = unknown.group(1)
        if (config_dir() / name).is_dir():
            return (
                f"{word}: the experiment has no group '{name}'; choose another experiment, or "
                f"leave out {name}="
            )
        return f"unknown key '{name}'{did_you_mean(name, names(config))}"
    choice = re.search(r"Could not find '([^']+)'", message)
    if choice:
        group, _, name = choice.group(1).rpartition("/")
        options = sorted(path.stem for path in (config_dir() / group).glob("*.yaml"))
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
    """Return the names of all groups and of all keys of a configuration."""
    groups = [path.name for path in config_dir().iterdir() if path.is_dir() and path.name != BASE]
    return [*groups, *_flatten(OmegaConf.to_container(config))] if config is not None else groups


def _flatten(node: Any, prefix: str = "") -> list[str]:
    if not isinstance(node, dict):
        return []
    keys = []
    for key, value in node.items():
        keys += [f"{prefix}{key}", *_flatten(value, f"{prefix}{key}.")]
    return keys
