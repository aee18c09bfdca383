"""The help of a command, made from the comments in its configuration file.

The comment at a key explains it; a key without one is internal and not shown. The comments at the
top and at the end of the file are the usage and the notes.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from shutil import get_terminal_size
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from fidip.cli.commands import SCHEMAS, Command
from fidip.cli.composition import choices
from fidip.io.paths import config_dir

WIDEST, COLUMN = 110, 26
"""Columns of a line at most, and where the explanations begin."""
MOST_CHOICES = 8
"""A group of more files than these is not listed."""
COMMENT = re.compile(r" *#(?: (?P<text>.*))?")
INCLUDE = re.compile(r"  - (?P<name>[a-z]\w*(?:/\w+)*)(?:\s+#.*)?")
PART = re.compile(r"  - /?(?P<group>[a-z_/]+)(?:@[\w.]+)?: (?P<name>\S+)(?:\s+# (?P<text>.*))?")
KEY_LINE = re.compile(r"(?P<indent> *)(?P<key>\w+):(?: (?P<value>.*?))?(?:\s+# (?P<text>.*))?")
TIME = re.compile(r"\$\{now:[^}]*\}(_\$\{now:[^}]*\})?")
"""Interpolations of the date and time."""


@dataclass(frozen=True)
class Entry:
    """A line of the help.

    Attributes:
        key: what is set, such as ``overlay.threshold``.
        value: its default, as in the file.
        text: what it means; empty for an internal key.
        is_part: whether it chooses a file of a group.
    """

    key: str
    value: str
    text: str
    is_part: bool = False

    @property
    def root(self) -> str:
        """First part of the key: the name of its group or section."""
        return self.key.split(".")[0]


@dataclass(frozen=True)
class Page:
    """What one configuration file says about itself.

    Attributes:
        usage: comments at the top.
        entries: its keys and groups, in the order of the file.
        includes: files that its defaults list names.
        notes: comments at the end.
    """

    usage: list[str]
    entries: list[Entry]
    includes: list[str]
    notes: list[str]

    @property
    def summary(self) -> str:
        """The first line that is not a command."""
        return next(line for line in self.usage if not line.startswith("fidip "))


def help_of(command: str) -> str:
    """Return the help of a command, such as ``train``."""
    page, schema = read_page(command), SCHEMAS[command]
    entries = [entry for entry in _entries(command) if entry.text and _is_used(entry, schema)]
    parts = _chosen(command, [entry for entry in entries if entry.is_part])
    keys = [entry for entry in entries if not entry.is_part]
    lines = [*page.usage, ""]
    lines += [line for entry in keys for line in _lines(entry, _choices(entry, schema))]
    if parts:
        lines += ["", "Parts, each a choice of files (PART.key=value changes one of its keys):"]
        lines += [line for entry in parts for line in _lines(entry, _files(entry.key))]
    return "\n".join([*lines, *(["", *page.notes] if page.notes else [])])


def _chosen(command: str, parts: Sequence[Entry]) -> list[Entry]:
    """Return the parts with the choices of the command's experiment, if it has one."""
    has_experiment = any(each.key == "experiment" and each.value != "null" for each in parts)
    chosen = choices(command) if has_experiment else {}
    return [replace(each, value=str(chosen.get(each.key, each.value))) for each in parts]


def read_page(name: str) -> Page:
    """Read the comments of ``conf/<name>.yaml``."""
    lines = (config_dir() / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    usage = _comments(lines)
    notes = _comments(lines[::-1])[::-1]
    body = lines[len(usage) : len(lines) - len(notes)]
    includes = [found["name"] for line in body if (found := INCLUDE.fullmatch(line))]
    return Page(usage, list(_read_entries(body)), includes, notes)


def _entries(name: str) -> list[Entry]:
    """Entries of a file, then of the files that it includes, without keys that it sets itself."""
    page = read_page(name)
    included = [entry for include in page.includes for entry in _entries(include)]
    own = {entry.key for entry in page.entries}
    return [*page.entries, *(entry for entry in included if entry.key not in own)]


def _comments(lines: Sequence[str]) -> list[str]:
    """Texts of the comments that the lines begin with."""
    texts = []
    for line in lines:
        found = COMMENT.fullmatch(line)
        if found is None:
            break
        texts.append(found["text"] or "")
    return texts


def _read_entries(lines: Sequence[str]) -> Iterator[Entry]:
    above: list[str] = []  # comment lines above a key belong to it
    parents: list[str] = []
    for line in lines:
        comment = COMMENT.fullmatch(line)
        if comment:
            above.append(comment["text"] or "")
            continue
        part, key = PART.fullmatch(line), KEY_LINE.fullmatch(line)
        found = part or key
        text = " ".join([*above, *([found["text"]] if found and found["text"] else [])])
        above = []
        if part:
            yield Entry(part["group"], part["name"], text, is_part=True)
        elif key:
            parents[len(key["indent"]) // 2 :] = [key["key"]]
            if parents[0] not in ("hydra", "defaults"):
                yield Entry(".".join(parents), key["value"] or "", text)


def _is_used(entry: Entry, schema: type[Command]) -> bool:
    return entry.root in {*schema.model_fields, *schema.groups}


def _lines(entry: Entry, choices: Sequence[str]) -> list[str]:
    """An entry as ``key=default`` and its explanation, wrapped."""
    is_needed = entry.value == "???"
    word = f"  {entry.key}={'...' if is_needed else TIME.sub('DATE_TIME', entry.value)}"
    word = word.replace(", ", ",")  # as it is typed
    text = f"{entry.text} ({', '.join(choices)})" if len(choices) > 1 else entry.text
    indent = " " * COLUMN
    width = min(WIDEST, max(2 * COLUMN, get_terminal_size((WIDEST, 0)).columns))
    wrapped = textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent)
    if len(word) < COLUMN - 1:
        wrapped[0] = word.ljust(COLUMN) + wrapped[0].lstrip()
        return wrapped
    return [word, *wrapped]


def _files(group: str) -> list[str]:
    """Names of the files of a group; of a large group, the folder."""
    names = sorted(path.stem for path in (config_dir() / group).glob("*.yaml"))
    return names if len(names) <= MOST_CHOICES else [f"{len(names)} files", f"see conf/{group}"]


def _choices(entry: Entry, schema: type[BaseModel]) -> list[str]:
    """The words that a key takes, if it takes certain words only."""
    annotation: Any = schema
    for name in entry.key.split("."):
        models = [each for each in _leaves(annotation) if isinstance(each, type)]
        fields = [m.model_fields for m in models if issubclass(m, BaseModel)]
        found = [each[name].annotation for each in fields if name in each]
        if not found:
            return []
        annotation = found[0]
    return [word for word in _leaves(annotation) if isinstance(word, str)]


def _leaves(annotation: Any) -> Iterator[Any]:
    """The types and literal values in an annotation."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    elif get_args(annotation):
        for argument in get_args(annotation):
            yield from _leaves(argument)
    else:
        yield annotation


def summaries(commands: Sequence[str]) -> list[tuple[str, str]]:
    """Return the names of commands with what each does, in one line."""
    return [(name, read_page(name).summary) for name in commands]
