"""Errors that the user can fix, one class per kind.

Every message is one line: it names the file or setting with its value, the expected value, and what
to do. Commands print it on stderr without a traceback and exit with status 2.
"""

from __future__ import annotations

import os
from pathlib import Path


class FidipError(Exception):
    """Base class for errors the user can fix. The message is one line."""


class ConfigError(FidipError):
    """A setting is unknown, missing or out of range."""


class ArgumentError(ConfigError):
    """An argument of a class or function has an invalid value.

    The command line replaces the name of the argument by its configuration key.

    Args:
        argument: name of the argument, or its dotted key in a configuration.
        value: value of the argument.
        problem: rest of the message: what is wrong, what is expected and what to do.

    Example:
        >>> print(ArgumentError("kernel", 10, "expected an odd number"))
        kernel=10: expected an odd number
    """

    def __init__(self, argument: str, value: object, problem: str) -> None:
        super().__init__(argument, value, problem)  # makes the error picklable
        self.argument, self.value, self.problem = argument, value, problem

    def __str__(self) -> str:
        value = self.value
        if value is None or isinstance(value, bool):
            value = {None: "null", True: "true", False: "false"}[value]
        elif isinstance(value, (tuple, list)):
            value = f"[{', '.join(map(str, value))}]"
        return f"{self.argument}={value}: {self.problem}"

    def renamed(self, key: str) -> ArgumentError:
        """Return the same error for a configuration key.

        Args:
            key: dotted key that replaces the name of the argument.

        Example:
            >>> print(ArgumentError("kernel", 10, "expected an odd number").renamed("codec.kernel"))
            codec.kernel=10: expected an odd number
        """
        return ArgumentError(key, self.value, self.problem)


class DataError(FidipError):
    """A dataset file is missing, unreadable or invalid."""


class DatasetMissingError(DataError):
    """The dataset that the configuration names does not exist."""


class CheckpointError(FidipError):
    """Weights cannot be loaded or do not fit the network."""


class DiskError(FidipError):
    """A file cannot be written, usually because the disk is full."""


class DivergedError(FidipError):
    """The loss or the weights of a training run are NaN or infinite."""


class RunError(FidipError):
    """A run directory is missing, unfinished or cannot be compared."""


class DamagedRunError(RunError):
    """A file in a run directory has been modified or truncated."""


class RunDataError(RunError):
    """The test data of a run are missing, or differ from those of another run."""


def reason(error: BaseException, longest: int | None = None) -> str:
    r"""Return the message of another library's error in one line, or else its class.

    Args:
        error: the error.
        longest: maximum number of characters of the message; None for no limit.

    Example:
        >>> reason(ValueError("bad\n  value")), reason(EOFError())
        ('bad value', 'EOFError')
    """
    return " ".join(str(error).split())[:longest] or type(error).__name__


def shown(path: Path | str) -> str:
    r"""Return a file name as one line of valid UTF-8; escape other bytes and control characters.

    Args:
        path: file name or path.

    Example:
        >>> shown("caf\udce9\n.jpg")
        'caf\\xe9\\x0a.jpg'
    """
    text = os.fspath(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
