"""What every case has to hold, and what is wrong with one that does not."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

from .case import BAD, OK, SOME_FAILED, Box, Case
from .process import Outcome

Snapshot = dict[str, tuple[object, ...]]
"""Every file and folder below a root, by its path, and what it holds."""

LARGE = 200_000
"""Bytes from which a file is not hashed."""
WORK = "up/up/here/"
OUT, RUN = f"{WORK}out", f"{WORK}in/run"
"""Where results belong, and a run directory that is gone on with, in a box."""
OURS = {"stdout", "stderr", "case.pkl"}
"""Files of the harness in a box."""
FORBIDDEN = (
    "Traceback (most recent call last)",
    "Error in call to target",
    "fault in fidip itself",
    "Fatal Python error",
)
FRAME = re.compile(r'File "[^"]*/src/fidip/([^"]+)", line (\d+), in (\S+)')
RAISED = re.compile(
    r"^(?!Error executing)[\w.]*(?:[Ee]rror|Exception|Fail|Exit)\b.*$", re.MULTILINE
)


def snapshot(root: Path) -> Snapshot:
    """Return the hash of each file below a folder, or size and time of large files, for speed."""
    found: Snapshot = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, root)] = _content(path)
    return found


def _content(path: str) -> tuple[object, ...]:
    about = os.lstat(path)
    kind = stat.S_IFMT(about.st_mode)
    if stat.S_ISLNK(about.st_mode):
        return kind, os.readlink(path)
    if not stat.S_ISREG(about.st_mode):
        return (kind,)
    if about.st_size > LARGE:
        return kind, about.st_size, about.st_mtime_ns
    with open(path, "rb") as file:
        return kind, hashlib.file_digest(file, "sha256").hexdigest()


def faults(case: Case, outcome: Outcome, box: Box, before: Snapshot) -> list[str]:
    """Everything that is wrong with a case; nothing where all is well."""
    found = [*_of_status(case, outcome), *_of_words(case, outcome)]
    after = snapshot(box.root)
    return [*found, *_of_files(case, outcome, box, before, after)]


def _of_status(case: Case, outcome: Outcome) -> Iterator[str]:
    status = outcome.status
    if status is None:
        yield f"hang: not done after {outcome.seconds:.0f} s"
    elif status == -signal.SIGXCPU:
        yield "hang: computes without an end"
    elif status < 0:
        yield f"crash: signal {-status}"
    elif status == OK and OK not in case.statuses:
        yield "accepted: status 0"
    elif status not in case.statuses:
        wanted = " or ".join(map(str, sorted(case.statuses)))
        yield f"status {status}, expected {wanted}{where(outcome)}"


def where(outcome: Outcome) -> str:
    """The innermost line of ours in a traceback, and the error."""
    places = FRAME.findall(outcome.stderr)
    errors = RAISED.findall(outcome.stderr)
    if not places or not errors:
        return ""
    file, line, function = places[-1]
    return f": {errors[-1][:100]} ({file}:{line} {function})"


def problem_lines(outcome: Outcome) -> list[str]:
    """The lines that tell of a mistake."""
    lines = (outcome.stdout + "\n" + outcome.stderr).splitlines()
    return [line.strip() for line in lines if line.strip().startswith(("error:", "failed:"))]


def _of_words(case: Case, outcome: Outcome) -> Iterator[str]:
    printed = outcome.stdout + outcome.stderr
    for words in FORBIDDEN:
        if words in printed:
            yield f"printed: {words}"
    lines = problem_lines(outcome)
    if outcome.status not in (BAD, SOME_FAILED):
        if lines and outcome.status == OK:
            yield "a problem is printed with status 0"
        if case.is_noted and not any(word in printed for word in case.problems[0]):
            yield f"nothing printed names {' or '.join(case.problems[0])[:80]}"
        return
    if outcome.status not in case.statuses:
        return
    if len(lines) != len(case.problems):
        yield f"{len(lines)} lines of error: or failed:, expected {len(case.problems)}"
    for words in case.problems:
        if lines and not any(word in line for line in lines for word in words):
            yield f"no line names {' or '.join(words)[:80]}"
    missing = [word for word in case.words if not any(word in line for line in lines)]
    if lines and missing:
        yield f"not all at once: {', '.join(missing)}"


def _of_files(
    case: Case, outcome: Outcome, box: Box, before: Snapshot, after: Snapshot
) -> Iterator[str]:
    if any(box.root.rglob(f"{box.canary.name}*")):
        yield "executed: code of the input has run"
    mine = {path for path in before if path in OURS or (case.is_late and path.startswith(RUN))}
    lost = sorted(path for path in before.keys() - mine if after.get(path) != before[path])
    if lost:
        yield f"changed or lost: {', '.join(map(_shown, lost[:3]))}"
    new = sorted(after.keys() - before.keys() - OURS)
    outside = [path for path in new if not _is_allowed(path, case, outcome)]
    if outside:
        yield f"left behind or written outside: {', '.join(map(_shown, outside[:3]))}"
    remains = [path for path in new if path not in outside and _is_remnant(box.root / path)]
    if remains:
        yield f"half or empty: {', '.join(map(_shown, remains[:3]))}"
    json_files = [path for path in new if path.endswith(".json") and (box.root / path).is_file()]
    for path in json_files:
        if not _is_strict(box.root / path):
            yield f"not strict JSON: {_shown(path)}"


def _is_allowed(path: str, case: Case, outcome: Outcome) -> bool:
    """Whether a command may make this: results, where it did not refuse its work."""
    worked = outcome.status in (OK, SOME_FAILED) or case.is_late
    places = [*([OUT, "cache"] if worked else []), *([RUN] if case.is_late else [])]
    return any(path == place or path.startswith(f"{place}/") for place in places)


def _is_remnant(path: Path) -> bool:
    """A partial file, an empty one, or an empty folder."""
    if path.is_dir():
        return not any(path.iterdir())
    return path.name.endswith((".part", ".tmp")) or path.stat().st_size == 0


def _is_strict(path: Path) -> bool:
    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except ValueError:
        return False
    return True


def _shown(path: str) -> str:
    return path.removeprefix(WORK).encode("utf-8", "backslashreplace").decode()[:80]
