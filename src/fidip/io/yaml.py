"""YAML files of settings of unknown origin, such as the ``config.yaml`` of a run directory."""

from __future__ import annotations

import io
from pathlib import Path

import yaml  # type: ignore[import-untyped]
from omegaconf import DictConfig, OmegaConf

from fidip.core.errors import DamagedRunError
from fidip.io.former_names import with_current_names

DEEPEST, LONGEST = 30, 2**18
"""Levels and characters of a file; PyYAML takes minutes for much more."""
RESTORE = "Restore the file, or train the run again"


def load_settings(path: Path) -> DictConfig:
    """Return the settings in a YAML file; interpolations stay, former names are replaced.

    YAML aliases are refused: a few lines of them expand to more than the memory holds.

    Raises:
        DamagedRunError: the file is unreadable or empty, or holds anything but settings by key.
    """
    try:
        text = path.read_text(encoding="utf-8")
        _require_plain(text)
        content = OmegaConf.load(io.StringIO(text))
        content = OmegaConf.create(with_current_names(OmegaConf.to_container(content)))
    except OSError as error:
        raise DamagedRunError(f"{path}: cannot be read ({error.strerror}). {RESTORE}") from error
    except Exception as error:  # odd tags and numbers make PyYAML raise nearly anything
        why = " ".join(str(error).split()) or type(error).__name__
        raise DamagedRunError(f"{path}: not valid YAML ({why}). {RESTORE}") from error
    if not isinstance(content, DictConfig) or not content:
        what = "a list" if content else "no settings"
        raise DamagedRunError(f"{path}: holds {what}; expected settings by key. {RESTORE}")
    return content


def _require_plain(text: str) -> None:
    """Raise ValueError where YAML would take more time or memory than its size suggests."""
    if len(text) > LONGEST:
        raise ValueError(f"it has more than {LONGEST} characters")
    depth = 0
    for event in yaml.parse(text):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth == 0 and isinstance(event, yaml.ScalarEvent):
            raise ValueError("it is a single value; expected settings by key")
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("it has an alias; expected plain settings")
        if depth > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} levels deep")
