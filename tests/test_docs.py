"""Every command that README, docs and experiments print has keys that exist."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from fidip.cli.arguments import check_command_line
from fidip.cli.commands import SCHEMAS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("experiments/*/README.md")]
COMMANDS = sorted(
    {
        command
        for page in PAGES
        for command in re.findall(
            r"(?:`|^)fidip ([a-z]+ [^`\n#]*=[^`\n#]*)", page.read_text(), re.M
        )
    }
)


READ = {
    "body",
    "boxes",
    "detector.path",
    "detector.weights",
    "second_annotator",
    "predictions",
    "source",
}
"""Keys of files that have to exist."""


def test_there_are_commands():
    assert len(COMMANDS) > 10


@pytest.mark.parametrize("command", COMMANDS)
def test_its_keys_exist(command, monkeypatch, tmp_path):
    name, *arguments = shlex.split(command)
    if any(argument.startswith("--config-dir") for argument in arguments):
        pytest.skip("has files of the reader's own")
    if name == "compare":  # takes a lone word as runs=
        arguments = [argument for argument in arguments if "=" in argument]
    arguments = [f"{a}x" if a.endswith("=") else a for a in arguments]
    given = {argument.partition("=")[0] for argument in arguments}
    arguments += [f"{key}=x" for key in SCHEMAS[name].needs if key not in given]  # prose is short
    monkeypatch.chdir(tmp_path)
    for key, _, value in (argument.partition("=") for argument in arguments):
        if key in READ and value:
            Path(value).parent.mkdir(parents=True, exist_ok=True)
            Path(value).touch()
        elif key == "images":
            Path(value).mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(sys, "argv", [f"fidip {name}", *arguments])
    check_command_line(name)
