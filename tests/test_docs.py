"""What README, docs, notebooks and experiments print is true: commands, links and imports."""

import ast
import importlib
import json
import re
import shlex
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from fidip.cli.arguments import check_command_line
from fidip.cli.commands import SCHEMAS

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("experiments/*/README.md"),
        *ROOT.glob("notebooks/*.ipynb"),
    ]
)
SETTINGS = [*ROOT.glob("conf/**/*.yaml"), *ROOT.glob("src/**/*.py")]


def text(page: Path) -> str:
    """Return the Markdown of a page; of a notebook with its code as blocks."""
    if page.suffix != ".ipynb":
        return joined(page.read_text())
    cells = json.loads(page.read_text())["cells"]
    return joined(
        "\n\n".join(
            "".join(cell["source"])
            if cell["cell_type"] == "markdown" or cell["source"][0].startswith("%%")
            else f"```python\n{''.join(cell['source'])}\n```"
            for cell in cells
        )
    )


def joined(text: str) -> str:
    """Return a text whose commands are on one line each, without redirections."""
    return re.sub(r"(?m)^(fidip .*?) (?:\||>|&) .*$", r"\1", re.sub(r" \\\n +", " ", text))


TEXTS = {page: text(page) for page in PAGES}
COMMANDS = sorted(
    {
        command
        for page in TEXTS.values()
        for command in re.findall(r"(?:`|^)fidip ([a-z]+ [^`\n#]*=[^`\n#]*)", page, re.M)
    }
)
LINKS = [
    pytest.param(page, link, id=f"{page.relative_to(ROOT)}:{link}")
    for page, content in TEXTS.items()
    for link in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", content)
]
SNIPPETS = [
    pytest.param(snippet, id=f"{page.relative_to(ROOT)}:{number}")
    for page, content in TEXTS.items()
    for number, snippet in enumerate(re.findall(r"```python\n(.*?)```", content, re.S))
]


READ = {
    "body",
    "boxes",
    "detector.path",
    "detector.weights",
    "label",
    "labels",
    "second_annotator",
    "predictions",
    "source",
}
"""Keys of files, or folders, that have to exist."""


def test_there_are_commands():
    assert len(COMMANDS) > 10


@pytest.mark.parametrize("command", COMMANDS)
def test_its_keys_exist(command, monkeypatch, tmp_path):
    name, *arguments = shlex.split(command)
    if any(argument.startswith(("--config-dir", "$")) for argument in arguments):
        pytest.skip("has files or variables of the reader's own")
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
        elif key in ("images", "synthetic"):
            Path(value).mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(sys, "argv", [f"fidip {name}", *arguments])
    check_command_line(name)


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_a_link_leads_to_a_file(page, link):
    assert (page.parent / link).exists()


def test_pages_that_messages_and_settings_name_exist():
    named = {
        name for file in SETTINGS for name in re.findall(r"docs/[\w/-]+\.md", file.read_text())
    }
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_what_an_example_imports_exists(snippet):
    for node in ast.walk(ast.parse(snippet)):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "fidip":
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name) or importlib.util.find_spec(
                    f"{node.module}.{alias.name}"
                )


def test_lists_follow_an_empty_line():
    """Without it, the site shows the items as one paragraph, unlike GitHub."""
    joined = set()
    for page in (page for page in PAGES if page.suffix == ".md"):
        text = re.sub(r"^```.*?^```", "```", page.read_text(), flags=re.DOTALL | re.MULTILINE)
        for before, line in pairwise(text.splitlines()):
            is_text = before.strip() and not re.match(r"\s|[-*] |\d+\. |#|`{3}", before)
            if is_text and re.match(r"[-*] |\d+\. ", line):
                joined.add(f"{page.relative_to(ROOT)}: {line}")
    assert joined == set()


def test_numbered_lists_start_with_1():
    """A number with a full stop at the start of a line of text becomes a list of its own."""
    odd = set()
    for page in (page for page in PAGES if page.suffix == ".md"):
        numbers = [int(n) for n in re.findall(r"^(\d+)\. ", page.read_text(), re.MULTILINE)]
        for before, number in pairwise([0, *numbers]):
            if number not in (1, before + 1):
                odd.add(f"{page.relative_to(ROOT)}: {number}.")
    assert odd == set()


def test_lines_are_short_enough_to_read():
    own = [page for page in PAGES if page.suffix == ".md" and "experiments" not in page.parts]
    long = {
        f"{page.relative_to(ROOT)}:{number}"
        for page in own
        for number, line in enumerate(page.read_text().splitlines(), 1)
        if len(line) > 120 and not line.startswith(("|", "error: "))
    }
    assert long == set()
