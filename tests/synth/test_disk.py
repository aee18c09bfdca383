"""Folders that cannot be written to, and a disk that gets full, end in one line before or at the first file."""

import os
import sys
from pathlib import Path

import pytest

from fidip import synthesize

DISK_SIZE = "1m"
"""Of ``small_disk``."""
SMALL = (
    *("preset=tiny", "workers=1", "preset.size_wh=[64,64]"),
    "preset.splits={train_infant: [{group: infant, appearance: clean, is_synthetic: true, count: 12}]}",
)
CLIP = (
    *("preset=clips", "workers=1", "preset.number=1", "preset.seconds=1", "preset.fps=10"),
    "preset.size_wh=[64,64]",
)


def run(monkeypatch, capsys, *arguments):
    """The status and the error of ``fidip synthesize``."""
    monkeypatch.setattr(sys, "argv", ["fidip synthesize", *arguments])
    try:
        synthesize.main()
        status = 0
    except SystemExit as exit_:
        status = exit_.code
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    return status, lines


@pytest.mark.parametrize("out", ["/dev/null", "/dev/null/x", "file", "file/x", "x" * 300, "a/\0b"])
def test_an_impossible_folder_is_one_line_before_anything_is_rendered(
    monkeypatch, tmp_path, capsys, out
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    status, (line,) = run(monkeypatch, capsys, f"out={out}", *SMALL)
    assert status == 2
    assert "out=" in line
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "mine"
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize("place", ["annotations", "images", "images/train_infant"])
def test_a_file_where_a_folder_belongs(monkeypatch, tmp_path, capsys, place):
    file = tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("mine")
    status, (line,) = run(monkeypatch, capsys, f"out={tmp_path}", *SMALL)
    assert status == 2
    assert place in line
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    "settings",
    [
        ("preset.splits={a: [{group: infant, appearance: nope, is_synthetic: true, count: 1}]}",),
        ("more_labels=some",),
    ],
)
def test_a_command_that_fails_at_once_leaves_no_folder(monkeypatch, tmp_path, capsys, settings):
    monkeypatch.chdir(tmp_path)
    status, _ = run(monkeypatch, capsys, "out=a/b", *SMALL, *settings)
    assert status == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("settings", [SMALL, (*SMALL, "more_labels=all"), CLIP])
@pytest.mark.parametrize("left", [0, 8192])
def test_a_full_disk_is_one_line_and_nothing_is_half_written(
    monkeypatch, small_disk, capsys, settings, left
):
    if left:  # past the check before the work
        monkeypatch.setattr("fidip.io.directories.PROBE", b"\0")
    with (small_disk / "filler").open("wb") as file:
        free = os.statvfs(small_disk)
        file.write(bytes(free.f_bavail * free.f_bsize - left))
    out = small_disk / "data"
    status, (line,) = run(monkeypatch, capsys, f"out={out}", *settings)
    assert status == 2
    assert "the disk is full" in line
    assert not list(out.rglob("*.json"))
    assert not [
        path for path in out.rglob("*.*") if path.suffix != ".journal" and not path.stat().st_size
    ]
    (small_disk / "filler").unlink()
    status, lines = run(monkeypatch, capsys, f"out={out}", *settings)
    assert (status, lines) == (0, [])
    assert not list(out.rglob("*.journal"))


def test_a_full_disk_in_a_worker_is_one_line(monkeypatch, small_disk, capsys):
    monkeypatch.setattr("fidip.io.directories.PROBE", b"\0")
    with (small_disk / "filler").open("wb") as file:
        free = os.statvfs(small_disk)
        file.write(bytes(free.f_bavail * free.f_bsize - 8192))
    status, (line,) = run(monkeypatch, capsys, f"out={small_disk / 'd'}", *SMALL, "workers=2")
    assert status == 2
    assert "the disk is full" in line
