"""Settings of runs: the directory that they determine, and their comparison."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any

AUTO = "auto"
"""``resume=auto`` continues the run of the same settings if there is one."""

WHERE_AND_HOW = ("resume", "overwrite", "sweep")
"""Settings that may differ when a run is started again."""


def run_directory_for(resume: str | None, runs: str, new: str, overrides: Sequence[str]) -> str:
    """Return the directory of a run: the one to resume, or a new one below ``runs``.

    Args:
        resume: a run directory, AUTO or None.
        runs: folder of the experiment's runs.
        new: unique name of a new run.
        overrides: settings of the command line; with AUTO, they determine the name.
    """
    if resume is None:
        return f"{runs}/{new}"
    if resume != AUTO:
        return resume
    settings = sorted(text for text in overrides if not text.startswith("resume="))
    return f"{runs}/auto-{hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:10]}"


def comparable_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that must not change when a run is started again.

    Args:
        settings: all settings of a run.

    Example:
        >>> comparable_settings({"resume": "auto", "logger": {"wandb": {"id": 1, "project": "a"}}})
        {'logger': {'wandb': {'project': 'a'}}}
    """
    found = {key: value for key, value in settings.items() if key not in WHERE_AND_HOW}
    loggers = found.get("logger", {})
    wandb = loggers.get("wandb")
    if isinstance(wandb, dict):
        without_id = {key: value for key, value in wandb.items() if key != "id"}
        found["logger"] = {**loggers, "wandb": without_id}
    return found


def relocated(settings: Any, old: str, new: str) -> Any:
    """Return settings with paths below the folder ``old`` moved to ``new``.

    Args:
        settings: nested dictionaries and lists of plain values.
        old: former path of the folder.
        new: its present path.

    Example:
        >>> relocated({"out": "/a/plots", "names": ["/a", "/ab"]}, "/a", "/b")
        {'out': '/b/plots', 'names': ['/b', '/ab']}
    """
    if isinstance(settings, dict):
        return {key: relocated(value, old, new) for key, value in settings.items()}
    if isinstance(settings, list):
        return [relocated(value, old, new) for value in settings]
    if settings == old or str(settings).startswith(f"{old}{os.sep}"):
        return new + settings[len(old) :]
    return settings
