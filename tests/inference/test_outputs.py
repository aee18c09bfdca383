"""Folders to write to: found wanting before work starts, and left as they were where it fails."""

import os
from pathlib import Path

import numpy as np
import pytest

from fidip.core.errors import ConfigError, DiskError
from fidip.inference import Track, VideoWriter
from fidip.inference.writers import OUTPUT_FORMATS, write
from fidip.io.atomic import NO_ROOM, disk_errors
from fidip.io.directories import output_folder, require_new


@pytest.mark.parametrize("below", ["", "x/y"])
def test_a_file_is_no_folder(below, tmp_path):
    (tmp_path / "file").write_text("precious")
    with (
        pytest.raises(DiskError, match="file is not a folder"),
        output_folder(tmp_path / "file" / below, []),
    ):
        pass
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("out", ["/dev/null", "/dev/null/x", "/proc/x/y", "/proc", "n" * 300])
def test_what_cannot_be_written_to_is_one_line(out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DiskError) as error, output_folder(Path(out), []):
        pass
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_new_folders_that_stay_empty_go_and_others_stay(tmp_path):
    (tmp_path / "old" / "empty").mkdir(parents=True)
    out = tmp_path / "old" / "new" / "out"

    def fail():
        with output_folder(out, ["overlays/a.jpg", "b.csv"]):
            (out / "overlays").mkdir()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [p.name for p in tmp_path.rglob("*")] == ["old", "empty"]
    with output_folder(out, ["overlays/a.jpg"]):
        (out / "b.csv").touch()
    assert [p.name for p in out.iterdir()] == ["b.csv"]


def test_files_of_an_earlier_run_are_found(tmp_path):
    require_new(tmp_path / "gone", ["a.csv"])
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.csv").symlink_to("nowhere")
    with pytest.raises(ConfigError, match=r"1 of the 2 files .*x/a\.csv.*overwrite=true"):
        require_new(tmp_path, ["b.csv", "x/a.csv"])


def test_only_errors_of_the_disk_are_taken_for_such(tmp_path):
    with pytest.raises(ZeroDivisionError), disk_errors(tmp_path / "a"):
        raise ZeroDivisionError
    with pytest.raises(DiskError) as error, disk_errors(tmp_path / "a", "out=x"):
        raise PermissionError(13, "Permission denied")
    message = str(error.value)
    assert message.startswith(f"out=x: cannot write {tmp_path}/a: permission denied. ")
    assert "\n" not in message


def test_an_output_that_is_a_folder_is_found_before_work_starts(tmp_path):
    (tmp_path / "x" / "a.csv").mkdir(parents=True)
    with (
        pytest.raises(DiskError, match=r"a\.csv is a folder; expected a file"),
        output_folder(tmp_path, ["new/b.csv", "x/a.csv"]),
    ):
        pass
    assert not (tmp_path / "new").exists()


DISK_SIZE = "12k"
"""Of ``small_disk``; a page or two are left."""


def long_track():
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.5, 1, (300, 17)).astype(np.float32)
    xy = rng.uniform(0, 600, (300, 17, 2))
    return Track(np.arange(300) / 25, xy, scores, np.ones((300, 4)), (640, 480))


@pytest.mark.parametrize("name", list(OUTPUT_FORMATS))
def test_on_a_full_disk_no_format_is_half_written(name, small_disk):
    with pytest.raises(DiskError, match="the disk is full"):
        write(long_track(), small_disk / "out" / "v", [name])
    left = [path.name for path in small_disk.rglob("*") if path.is_file()]
    assert left in ([], ["v.movement.csv"])  # whole; the figure beside it found no room


def test_on_a_full_disk_no_video_is_half_written(small_disk):
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)

    def fill():
        with VideoWriter(small_disk / "v.mp4") as writer:
            for number in range(60):
                writer.write(noise, number / 25)

    with pytest.raises(DiskError, match="the disk is full"):
        fill()
    assert list(small_disk.iterdir()) == []


def test_a_full_disk_is_noticed_before_work_starts(small_disk):
    assert os.statvfs(small_disk).f_bavail * 4096 < NO_ROOM
    with pytest.raises(DiskError, match="the disk is full"), output_folder(small_disk / "x", []):
        pass
    assert list(small_disk.iterdir()) == []
