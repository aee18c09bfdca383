"""Read-only folders and a full disk end in one line, before or at the first file."""

import os
from pathlib import Path

import pytest

DISK_SIZE = "1m"
"""Of ``small_disk``."""
SMALL = (
    *("preset=tiny", "workers=1", "preset.size_wh=[64,64]"),
    "preset.splits={train_infant: "
    "[{group: infant, appearance: clean, is_synthetic: true, count: 12}]}",
)
CLIP = (
    *("preset=clips", "workers=1", "preset.number=1", "preset.seconds=1", "preset.fps=10"),
    "preset.size_wh=[64,64]",
)


@pytest.mark.parametrize("out", ["/dev/null", "/dev/null/x", "file", "file/x", "x" * 300, "a/\0b"])
def test_an_impossible_folder_is_one_line_before_anything_is_rendered(
    monkeypatch, tmp_path, cli, out
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    (line,) = cli("synthesize", f"out={out}", *SMALL, status=2).errors
    assert "out=" in line
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "mine"
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize("place", ["annotations", "images", "images/train_infant"])
def test_a_file_where_a_folder_belongs(tmp_path, cli, place):
    file = tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("mine")
    (line,) = cli("synthesize", f"out={tmp_path}", *SMALL, status=2).errors
    assert place in line
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    "settings",
    [
        ("preset.splits={a: [{group: infant, appearance: nope, is_synthetic: true, count: 1}]}",),
        ("more_labels=some",),
    ],
)
def test_a_command_that_fails_at_once_leaves_no_folder(monkeypatch, tmp_path, cli, settings):
    monkeypatch.chdir(tmp_path)
    cli("synthesize", "out=a/b", *SMALL, *settings, status=2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("settings", [SMALL, (*SMALL, "more_labels=all"), CLIP])
@pytest.mark.parametrize("left", [0, 8192])
def test_a_full_disk_is_one_line_and_nothing_is_half_written(
    monkeypatch, small_disk, cli, settings, left
):
    if left:  # past the check before the work
        monkeypatch.setattr("fidip.io.directories.PROBE", b"\0")
    with (small_disk / "filler").open("wb") as file:
        free = os.statvfs(small_disk)
        file.write(bytes(free.f_bavail * free.f_bsize - left))
    out = small_disk / "data"
    (line,) = cli("synthesize", f"out={out}", *settings, status=2).errors
    assert "the disk is full" in line
    assert not list(out.rglob("*.json"))
    assert not [
        path for path in out.rglob("*.*") if path.suffix != ".journal" and not path.stat().st_size
    ]
    (small_disk / "filler").unlink()
    assert not cli("synthesize", f"out={out}", *settings).errors
    assert not list(out.rglob("*.journal"))


def test_a_full_disk_in_a_worker_is_one_line(monkeypatch, small_disk, cli):
    monkeypatch.setattr("fidip.io.directories.PROBE", b"\0")
    with (small_disk / "filler").open("wb") as file:
        free = os.statvfs(small_disk)
        file.write(bytes(free.f_bavail * free.f_bsize - 8192))
    (line,) = cli("synthesize", f"out={small_disk / 'd'}", *SMALL, "workers=2", status=2).errors
    assert "the disk is full" in line
