"""Folders that appear as a whole."""

import pytest

from fidip.core.errors import DiskError
from fidip.io.atomic import atomic_folder


def make(folder, content, **arguments):
    with atomic_folder(folder, **arguments) as new:
        (new / "a").write_text(content)
        (new / content).touch()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_replaces_another_one(tmp_path):
    for content in ("first", "second"):
        make(tmp_path / "found", content)
    assert names(tmp_path) == ["found"]
    assert names(tmp_path / "found") == ["a", "second"]


def test_a_complete_folder_of_another_process_is_kept_and_an_incomplete_one_replaced(tmp_path):
    folder = tmp_path / "found"
    with atomic_folder(folder, kept_with="a") as new:
        make(folder, "theirs", kept_with="a")
        (new / "a").write_text("ours")
    assert (folder / "a").read_text() == "theirs"
    (folder / "a").unlink()
    make(folder, "ours", kept_with="a")
    assert names(folder) == ["a", "ours"]
    assert names(tmp_path) == ["found"]


def test_a_folder_in_place_of_a_file_is_refused(tmp_path):
    file = tmp_path / "found"
    file.write_text("mine")
    with pytest.raises(DiskError, match="found: not a directory"):
        make(file, "ours")
    assert file.read_text() == "mine"
