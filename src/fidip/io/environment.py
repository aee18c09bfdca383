"""Command, code and software of a run."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "pytorch-lightning", "hydra-core", "timm", "albumentations", "numpy")


def environment(command: str | None) -> dict[str, Any]:
    """Return the command line, the commit of the code, and the versions of Python and the packages.

    Args:
        command: name of the running command, such as ``train``; None for a script.
    """
    program = ["fidip", command] if command else ["python", sys.argv[0]]
    return {
        "command": shlex.join([*program, *sys.argv[1:]]),
        "commit": _commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def _commit() -> str | None:
    """Return the commit of the checkout that contains this package; None if it is installed."""
    checkout = Path(__file__).parents[3]
    if not (checkout / ".git").exists():
        return None
    git = ["git", "-C", str(checkout), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None
