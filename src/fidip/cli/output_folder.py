"""Hydra's output folder: checked before it is made, and removed again where a command leaves it empty.

Hydra makes the folder before the command runs, with all of its parents.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from fidip.cli.messages import user_errors
from fidip.files import require_folder
from fidip.folders import missing_folders, remove_empty

_new: list[Path] = []


class OutputFolder(Callback):
    """Hydra callback that remembers which folders are new.

    An output folder that cannot be made ends the command with one line. Hydra would only print a
    warning about an error in a callback, so the command is ended here.

    Args:
        setting: the key that names the folder, for the message.
    """

    def __init__(self, setting: str = "hydra.run.dir") -> None:
        self.setting = setting

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        folder = Path(config.hydra.run.dir).absolute()
        with user_errors():
            require_folder(folder, f"{self.setting}={config.hydra.run.dir}")
        _new[:] = missing_folders([folder])


def remove_new_empty_folders() -> None:
    """Remove the folders that Hydra made for this command, as far as nothing is in them."""
    remove_empty(_new)
    _new.clear()
