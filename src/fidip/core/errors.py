"""What a user can get wrong, one class per kind.

Every message is one line: it names the file or the setting and the value, says what was expected
and what to do. Entry points print it on stderr without a traceback and exit with status 2.
"""

from __future__ import annotations

import os
from pathlib import Path


class FidipError(Exception):
    """Base class for errors the user can fix. The message is one line."""


class ConfigError(FidipError):
    """A setting is unknown, missing or out of range."""


class ArgumentError(ConfigError):
    """An argument of a class or function has a value that it cannot have.

    The command line prints the configuration key of the argument in place of its name.

    Args:
        argument: name of the argument, or its dotted key in a configuration.
        value: its value.
        problem: the rest of the line: what is wrong, what was expected and what to do.

    Example:
        >>> print(ArgumentError("kernel", 10, "expected an odd number"))
        kernel=10: expected an odd number
    """

    def __init__(self, argument: str, value: object, problem: str) -> None:
        super().__init__(argument, value, problem)  # so that it can be pickled
        self.argument, self.value, self.problem = argument, value, problem

    def __str__(self) -> str:
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return f"{self.argument}={'null' if value is None else value}: {self.problem}"

    def renamed(self, key: str) -> ArgumentError:
        """Return the same error of a key."""
        return ArgumentError(key, self.value, self.problem)


class DataError(FidipError):
    """A file of a data set is missing, unreadable or not what it should be."""


class DatasetMissingError(DataError):
    """There is no data set where the configuration points."""


class CheckpointError(FidipError):
    """Weights cannot be loaded, or do not belong to the network."""


class DiskError(FidipError):
    """A file cannot be written; most often the disk is full."""


class DivergedError(FidipError):
    """The loss or the weights of a training run are NaN or infinite."""


class RunError(FidipError):
    """A run folder is missing, unfinished or cannot be compared."""


class DamagedRunError(RunError):
    """A file in a run directory is not as fidip wrote it."""


class RunDataError(RunError):
    """The test data of a run are gone, or differ from those of another run; the run is whole."""


def shown(path: Path | str) -> str:
    r"""Write a file name as one line of valid UTF-8: other bytes and control characters escaped.

    Example:
        >>> shown("caf\udce9\n.jpg")
        'caf\\xe9\\x0a.jpg'
    """
    text = os.fspath(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
