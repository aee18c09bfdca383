"""Hydra's output folder: checked before it is made, and removed again where a command leaves it empty.

Hydra would make it after this, with all of its parents, and end with a traceback where it cannot.
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
        setting = f"{self.setting}={config.hydra.run.dir}"
        with user_errors():
            require_folder(folder, setting)
            _new[:] = missing_folders([folder])
            with disk_errors(folder, setting):  # some file systems refuse only now
                folder.mkdir(parents=True, exist_ok=True)


def remove_new_empty_folders() -> None:
    """Remove the folders that Hydra made for this command, as far as nothing is in them."""
    remove_empty(_new)
    _new.clear()
