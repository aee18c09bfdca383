"""Where files of the package and of the user lie."""

from __future__ import annotations

import os
from pathlib import Path


def config_dir() -> Path:
    """Where the YAML files are: inside an installed package, or at the root of the checkout."""
    packaged = Path(__file__).parents[1] / "conf"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "conf"


def cache_dir() -> Path:
    """Where downloaded weights and exported networks are kept: FIDIP_CACHE, or fidip in the user's caches."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("FIDIP_CACHE") or caches / "fidip")
