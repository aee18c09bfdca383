"""Many cases, one after the other, each in a box and a child process of its own."""

from __future__ import annotations

import pickle
import shlex
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .case import Box, Case
from .cases import area_of, draw
from .process import Outcome, run_child, run_fidip, warm_up
from .stage import Stage, make_stage
from .verdict import faults, problem_lines, snapshot

SLOWEST = 120.0
"""Seconds for the files that all cases share."""
WATCHED = (Path("/nowhere"),)
"""Folders that inputs name, and that nothing may make."""


@dataclass(frozen=True)
class Report:
    """One case and what is wrong with it.

    Attributes:
        seed, number: what it is drawn from.
        area: what kind of input is bad.
        title: what is bad about it.
        line: the command line.
        printed: what was printed of it.
        faults: what is wrong; empty where all is well.
        inputs: how many bad inputs were thrown.
        seconds: how long it took.
    """

    seed: int
    number: int
    area: str
    title: str
    line: str
    printed: str
    faults: tuple[str, ...]
    inputs: int
    seconds: float

    def __str__(self) -> str:
        problems = "; ".join(self.faults) or "as expected"
        return (
            f"--seed {self.seed} --case {self.number}, {self.area}: {self.title}\n"
            f"    {self.line[:300]}\n    printed: {self.printed[:300] or 'nothing'}\n    {problems}"
        )


class Session:
    """A warm process, the shared files, and a box for each case.

    Args:
        root: folder of all files.
        keep: leave the boxes of failed cases there.
        limit: seconds that a case may take.
    """

    def __init__(self, root: Path, keep: bool = False, limit: float = 60) -> None:
        self.root, self.keep, self.limit = root, keep, limit
        warm_up()
        self.stage = self._made_stage()
        self._shared = snapshot(self.stage.root)
        shutil.copytree(self.stage.root, self.root / "copy")

    def run(self, seed: int, numbers: Iterable[int]) -> Iterator[Report]:
        """Run the cases of a seed that have these numbers."""
        for number in numbers:
            yield self._run(seed, number)

    def _made_stage(self) -> Stage:
        """In children, for training may start threads, and a process with threads must not fork."""
        root = self.root / "stage"
        root.mkdir(parents=True)

        def make() -> None:
            make_stage(root, self._fidip)

        made = run_child(make, self.root, SLOWEST)
        if made.status != 0:
            raise RuntimeError(f"the files of all cases cannot be made:\n{made.stderr}")
        return Stage(root)

    def _fidip(self, arguments: list[str]) -> int:
        box = Box(self.root / "training")
        done = run_child(
            lambda: run_fidip(arguments, box.work, box.home, {}, 1 << 30), box.root, SLOWEST
        )
        return 1 if done.status is None else done.status

    def _run(self, seed: int, number: int) -> Report:
        box = Box(self.root / f"case-{number}")
        given = box.root / "case.pkl"

        def work() -> None:
            case = draw(seed, number, box, self.stage)
            given.write_bytes(pickle.dumps((case, snapshot(box.root))))
            arguments = [case.command, *case.arguments]
            run_fidip(arguments, box.work, box.home, case.environment, case.file_size)

        outcome = run_child(work, box.root, self.limit)
        if not given.is_file():
            raise RuntimeError(f"case {number} of seed {seed} cannot be drawn:\n{outcome.stderr}")
        case, before = pickle.loads(given.read_bytes())
        found = [*faults(case, outcome, box, before), *self._faults_outside()]
        if not (found and self.keep):
            shutil.rmtree(box.root)
        return _report(seed, number, case, outcome, found)

    def _faults_outside(self) -> Iterator[str]:
        if snapshot(self.stage.root) != self._shared:
            yield "changed or lost: files that the case was given to read"
            shutil.rmtree(self.stage.root)
            shutil.copytree(self.root / "copy", self.stage.root)
        for path in WATCHED:
            if path.exists():
                shutil.rmtree(path)
                yield f"written outside: {path}"


def _report(seed: int, number: int, case: Case, outcome: Outcome, found: list[str]) -> Report:
    line = shlex.join(["fidip", case.command, *case.arguments])
    printed = problem_lines(outcome) or outcome.stderr.strip().splitlines()[-1:]
    text = " | ".join(printed)
    title, line, text = (printable(part) for part in (case.title, line, text))
    area, all_faults = area_of(seed, number), tuple(map(printable, found))
    return Report(
        *(seed, number, area, title, line, text, all_faults, case.inputs, outcome.seconds)
    )


def printable(text: str) -> str:
    """A text in which whatever is no character is escaped."""
    return text.encode("utf-8", "backslashreplace").decode()
