"""Paths of the package's configuration and of the user's cache."""

from __future__ import annotations

import os
from pathlib import Path


def config_dir() -> Path:
    """Return the folder of the YAML files: in the installed package or in the checkout."""
    packaged = Path(__file__).parents[1] / "conf"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "conf"


def cache_dir() -> Path:
    """Return the folder of downloaded weights and exported networks.

    It is the environment variable FIDIP_CACHE, or ``fidip`` in the user's cache folder.
    """
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("FIDIP_CACHE") or caches / "fidip")
