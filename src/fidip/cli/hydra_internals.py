"""What fidip uses of Hydra's private modules; nothing else imports them.

``tests/cli/test_hydra_internals.py`` names the version of Hydra that it was checked with.
"""

from __future__ import annotations

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser

BASIC_LAUNCHER = f"{BasicLauncher.__module__}.{BasicLauncher.__qualname__}"
"""Target of the launcher that runs jobs one after the other in this process."""

__all__ = ["BASIC_LAUNCHER", "BasicSweeper", "get_args_parser"]
