"""A case: one command line with its files, and what has to come of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from .stage import Stage

OK, BAD, SOME_FAILED = 0, 2, 3
CANARY = "EXECUTED"
"""File that code in an input makes, if it is run: no name may ever begin so."""


@dataclass(frozen=True)
class Case:
    """One run of a command.

    Attributes:
        title: what is wrong, in words that find it in the generator.
        command: the name after ``fidip``.
        arguments: what follows it.
        problems: for each line that has to be printed, words of which it must have one. The words
            name the argument or the file.
        words: words that the lines must have, all of them.
        statuses: exit statuses that are right. More than one only where the generator cannot know
            whether the input is still valid, as after the flip of a bit.
        is_noted: status 0 is right as well, if what is printed has one of these words.
        is_late: the mistake shows only when work has begun, so a run directory may stay.
        environment: variables that are set.
        file_size: bytes that no file can be longer than, as on a disk that gets full.
    """

    title: str
    command: str
    arguments: list[str]
    problems: tuple[tuple[str, ...], ...]
    statuses: frozenset[int] = frozenset({BAD})
    words: tuple[str, ...] = ()
    is_noted: bool = False
    is_late: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    file_size: int = 1 << 30

    @property
    def inputs(self) -> int:
        """How many bad inputs these are."""
        return max(len(self.problems), len(self.words))


class Box:
    """The folders of one case; anything that appears outside ``work/out`` is a fault.

    ``work`` lies two folders deep, so that ``../../x`` is caught as well.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work = root / "up" / "up" / "here"
        self.home = root / "home"
        self.temporary = root / "temporary"
        for folder in (self.work, self.home, self.temporary):
            folder.mkdir(parents=True)
        self.file("out/earlier.json", b'{"of": "an earlier command"}')
        self.file("kept/results.json", b'{"of": "a finished run"}')

    @property
    def canary(self) -> Path:
        return self.root / CANARY

    def file(self, name: str, content: bytes) -> str:
        """Write a file below ``work``, in place of one that is there; returns its path."""
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        return str(path)

    def copy(self, source: Path, name: str) -> Path:
        """Copy a folder to ``work``; its files are links, to be replaced and not written to."""
        return Path(shutil.copytree(source, self.work / name, copy_function=os.link))


Draw = Callable[[Random, Box, Stage], Case]
"""A generator: makes the files of a case and says what has to come of it."""


def expected(*words: str) -> tuple[tuple[str, ...], ...]:
    """One line with one of these words."""
    return (words,)
