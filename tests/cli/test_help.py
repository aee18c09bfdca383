"""The help of a command is what the comments of its configuration say."""

import pytest

from fidip.cli import COMMANDS
from fidip.cli.commands import SCHEMAS
from fidip.cli.help import help_of, read_page, summaries
from fidip.io.paths import config_dir

INTERNAL = {"codec", "group", "name", "run_dir", "appearances", "sweep", "seed", "data", "net"}
"""Keys that need no line: facts of an experiment, and parts, which have one of their own."""
APP = {"source", "seconds", "save", "boxes", "out", "overwrite"}
"""Keys of ``fidip predict`` that the page sets itself."""


def words(command):
    """The ``key`` of every line that explains one."""
    lines = [line for line in help_of(command).splitlines() if line.startswith("  ")]
    return [line.split("=")[0].strip() for line in lines if "=" in line.split("  ")[1]]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_key_of_a_command_is_explained_once(command):
    found = words(command)
    assert len(found) == len(set(found))
    roots = {key.split(".")[0] for key in found}
    hidden = INTERNAL | (APP if command == "app" else set())
    assert set(SCHEMAS[command].model_fields) - hidden <= roots
    assert roots <= {*SCHEMAS[command].model_fields, *SCHEMAS[command].groups}


@pytest.mark.parametrize("command", COMMANDS)
def test_it_fits_a_screen(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    lines = help_of(command).splitlines()
    assert lines[0].startswith(f"fidip {command} ")
    assert len(lines) <= 46
    assert max(map(len, lines)) <= 120


def test_lines_have_the_default_the_comment_and_the_choices():
    text = " ".join(help_of("predict").split())
    assert "lost=0.2 mean confidence below which" in text
    assert "source=... photograph, video" in text
    assert "(the second one: webcam:1) seconds=null" in text  # nothing of the next key
    assert "save=[overlay,coco,csv] overlay: pictures" in text
    assert "(hampel, kalman, none, one_euro, savgol)" in text
    assert "out=outputs/predict/DATE_TIME folder" in text
    assert "runtime=null" in text
    assert "(torch, onnx)" in text
    assert "_target_:" not in text


def test_a_command_shows_only_what_it_uses():
    assert "optimizer" not in words("predict")
    assert "optimizer" in words("train")
    assert "source" not in words("app")
    assert "lost" in words("app")


def test_a_comment_above_a_key_belongs_to_it(tmp_path, monkeypatch):
    (tmp_path / "x.yaml").write_text(
        "# fidip x\n# Does x.\ndefaults:\n  - base/y\n  - /net@a.b: small # a net\n  - _self_\n\n"
        "# of both,\n# and more\nkey: 1 # at the end\n\n# of no key\n\nhidden: 2\nnode:\n"
        "  # deep\n  inner: [1, 2]\nhydra:\n  run: 1 # no\n\n# A note.\n"
    )
    monkeypatch.setattr("fidip.cli.help.config_dir", lambda: tmp_path)
    page = read_page("x")
    assert (page.usage, page.notes, page.includes) == (
        ["fidip x", "Does x."],
        ["A note."],
        ["base/y"],
    )
    assert [(e.key, e.value, e.text) for e in page.entries if e.text] == [
        ("net", "small", "a net"),
        ("key", "1", "of both, and more at the end"),
        ("node.inner", "[1, 2]", "deep"),
    ]
    assert summaries(["x"]) == [("x", "Does x.")]


WRITTEN = sorted(path for path in config_dir().rglob("*.yaml") if path.parent.name != "preset")


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_lines_are_at_most_120_characters(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > 120 and "://" not in line] == []
