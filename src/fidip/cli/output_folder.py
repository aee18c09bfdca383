"""Checks Hydra's output folder before it is made, and removes it if a command leaves it empty.

Hydra would make the folder and its parents later, and end with a traceback if that fails.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from fidip.cli.messages import user_errors
from fidip.io.atomic import disk_errors, require_folder
from fidip.io.directories import missing_folders, remove_empty

_new: list[Path] = []


class OutputFolder(Callback):
    """Hydra callback that makes the output folder and remembers which folders are new.

    If the folder cannot be made, the command ends with one line. The callback itself exits,
    because Hydra would only print a warning about an error in a callback.

    Args:
        setting: key that names the folder, for messages.
    """

    def __init__(self, setting: str = "hydra.run.dir") -> None:
        self.setting = setting

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Create the folder, so that a command fails at once where it cannot write."""
        folder = Path(config.hydra.run.dir).absolute()
        setting = f"{self.setting}={config.hydra.run.dir}"
        with user_errors():
            require_folder(folder, setting)
            _new[:] = missing_folders([folder])
            with disk_errors(folder, setting):  # some file systems refuse only now
                folder.mkdir(parents=True, exist_ok=True)


def remove_new_empty_folders() -> None:
    """Remove the folders that were made for this command and are empty."""
    remove_empty(_new)
    _new.clear()
