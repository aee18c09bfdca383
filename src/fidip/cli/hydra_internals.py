"""What fidip uses of Hydra's private modules; nothing else imports them.

``tests/cli/test_hydra_internals.py`` names the version of Hydra that it was checked with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hydra._internal.utils import get_args_parser

if TYPE_CHECKING:
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

BASIC_LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
"""Target of the launcher that runs jobs one after the other in this process."""

__all__ = ["BASIC_LAUNCHER", "BasicSweeper", "get_args_parser"]


def __getattr__(name: str) -> Any:
    """Import the sweeper when it is needed.

    Hydra executes the modules of its plugins again when it looks for plugins, so a class that was
    imported before is not the one in its module afterwards.
    """
    if name != "BasicSweeper":
        raise AttributeError(name)
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    return BasicSweeper
