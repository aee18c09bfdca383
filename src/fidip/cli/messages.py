"""Prints errors that the user can fix as one line on stderr, with exit status 2."""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from fidip.cli import composition
from fidip.core.errors import FidipError

SOME_FAILED = 3
"""Exit status where some of the inputs failed, or were done in part."""
FROM_WORKER = re.compile(r"Caught \w+ in .*\n(?:[\w.]+\.)?\w*Error: (?P<message>.*)", re.DOTALL)
"""An error of a loader's process as PyTorch raises it: a traceback, then the message."""


class LineFormatter(logging.Formatter):
    """Formats information as its message, and other records as ``LEVEL: message``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        text = super().format(record)
        return text if record.levelno == logging.INFO else f"{record.levelname}: {text}"


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn errors that the user can fix into one line on stderr and exit status 2.

    Raises:
        SystemExit: with status 2 after such an error, with status 130 after Ctrl-C.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except SystemExit as exit_:
        # Lightning ends an interrupted run with status 1.
        if isinstance(exit_.__context__, KeyboardInterrupt):
            raise SystemExit(130) from None
        raise
    except Exception as error:
        message = explain(error)
        if message is None:
            raise
        if os.environ.get("FIDIP_TRACEBACK") == "1":
            traceback.print_exc()
        print(f"error: {message}", file=sys.stderr)
        raise SystemExit(2) from None


def explain(error: BaseException) -> str | None:
    """Return the line to print for an error that the user can fix, or None for other errors."""
    for cause in _causes(error):
        if isinstance(cause, FidipError):
            return _visible(_without_traceback(str(cause)))
    message = " ".join(str(error).split())
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        return composition.explain_hydra_error(message, None)
    if _is_of(error, "lightning_fabric.utilities.exceptions", "MisconfigurationException"):
        return message
    if _is_of(error, "torch", "OutOfMemoryError"):
        return (
            f"{message}; lower data.batch_size or codec.input_wh, or use trainer.precision=16-mixed"
        )
    return None


def _is_of(error: BaseException, module: str, name: str) -> bool:
    """Whether an error is of a class of a module that takes seconds to import.

    A module that was not imported has raised nothing.
    """
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(error, kind)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _without_traceback(message: str) -> str:
    """Return the message of an error in a loader's process without its traceback."""
    sent = FROM_WORKER.match(message)
    return sent["message"].strip() if sent else message


def _visible(message: str) -> str:
    """Escape control characters, which names of files may hold, so that the message is one line."""
    return re.sub(r"[\x00-\x1f\x7f]", lambda c: repr(c[0])[1:-1], message)
