"""What ``source=`` names, and that no output of one input is another's, or an input."""

import os
from pathlib import Path

import pytest

from fidip.core.errors import DataError
from fidip.inference.output_names import name_inputs, output_names
from fidip.inference.writers import OUTPUT_FORMATS
from fidip.io.media_files import check_readable, find_media, find_videos

OUT = Path("/out")


def stems(*names, out=OUT, root="/in"):
    inputs = name_inputs([Path(root) / name for name in names], out)
    return dict(zip(names, (each.stem for each in inputs), strict=True))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"baby.mp4"}, {"baby.mp4": "baby"}),
        ({"a.mp4", "a.jpg"}, {"a.mp4": "a", "a.jpg": "a"}),  # a.csv and overlays/a.jpg
        ({"a.mov", "a.mp4", "b.mp4"}, {"a.mov": "a.mov", "a.mp4": "a.mp4", "b.mp4": "b"}),
        ({"a.jpg", "a.png"}, {"a.jpg": "a.jpg", "a.png": "a.png"}),
        ({"x/a.jpg", "y/a.jpg"}, {"x/a.jpg": "x/a", "y/a.jpg": "y/a"}),
        ({"A.MP4", "a.mp4"}, {"A.MP4": "A.MP4", "a.mp4": "a.mp4-2"}),
        ({"e\u0301.mp4", "\u00e9.mov"}, {"e\u0301.mp4": "e\u0301.mp4", "\u00e9.mov": "\u00e9.mov"}),
        ({"a.overlay.mp4"}, {"a.overlay.mp4": "a.overlay"}),
        ({"keypoints.mp4"}, {"keypoints.mp4": "keypoints"}),
        ({"b.jpg", "keypoints.mp4"}, {"b.jpg": "b", "keypoints.mp4": "keypoints.mp4"}),
        ({"keypoints.jpg"}, {"keypoints.jpg": "keypoints"}),
        ({"v.dlc.mp4", "v.mp4"}, {"v.dlc.mp4": "v.dlc.mp4", "v.mp4": "v.mp4"}),  # v.dlc.csv
        ({"a.mov.mp4", "a.mov", "a.mp4"},
         {"a.mov": "a.mov-2", "a.mov.mp4": "a.mov", "a.mp4": "a.mp4"}),
        ({"caf\udce9.mp4"}, {"caf\udce9.mp4": "caf%e9"}),
        ({"a\nb.mp4"}, {"a\nb.mp4": "a%0ab"}),
    ],
)  # fmt: skip
def test_outputs_have_different_names(given, expected):
    assert stems(*sorted(given)) == expected


@pytest.mark.parametrize(
    ("names", "out"),
    [
        (("a.mp4", "a.overlay.mp4"), "/in"),
        (("a.jpg", "overlays/a.jpg", "overlays/overlays/a.jpg"), "/in"),
        (("x/a.mp4", "a.overlay.mp4"), "/in/x"),
        (tuple(f"{'n' * 240}{i}.mp4" for i in range(3)), "/out"),
        (("a.mp4", "A.mp4", "a.MP4", "a.mp4.mp4", "a.mp4-2.mp4", "a.mov", "a.mp4.mov"), "/out"),
        (("caf\udce9.mp4", "caf%e9.mp4", "caf\\xe9.mp4"), "/out"),
    ],
)
def test_no_output_is_shared_or_an_input(names, out):
    found = stems(*names, out=Path(out))
    paths = [Path("/in") / name for name in names]
    outputs = [
        str(Path(out) / name).casefold()
        for path, stem in zip(paths, found.values(), strict=True)
        for name in output_names(path, stem, ("overlay", *OUTPUT_FORMATS))
    ]
    assert len(set(outputs)) == len(outputs)
    assert not set(outputs) & {str(path).casefold() for path in paths}
    assert all(len(os.fsencode(Path(name).name)) < 240 for name in outputs)


def test_names_are_relative_to_the_folder_that_inputs_share():
    inputs = name_inputs([Path("/in/x/a.jpg"), Path("/in/y/z/a.jpg")], OUT)
    assert [each.name for each in inputs] == ["x/a.jpg", "y/z/a.jpg"]
    assert name_inputs([Path("/in/caf\udce9.jpg")], OUT)[0].name == "caf\\xe9.jpg"


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(source, folder):
    return [str(path.relative_to(folder)) for path in find_media(str(source))]


def test_media_are_found_by_folder_and_pattern(tmp_path):
    touch(tmp_path, "b.jpg", "a.PNG", "c.mp4", "notes.txt", "._b.jpg", "p.heic", "x/d.jpg")
    assert found(tmp_path, tmp_path) == ["a.PNG", "b.jpg", "c.mp4", "p.heic"]
    assert found(f"{tmp_path}/*.jpg", tmp_path) == ["b.jpg"]
    assert found(f"{tmp_path}/**/*.jpg", tmp_path) == ["b.jpg", "x/d.jpg"]
    with pytest.raises(DataError, match="no file matches"):
        find_media(f"{tmp_path}/*.mov")


def test_photographs_that_cannot_be_read_are_no_videos(tmp_path):
    touch(tmp_path, "IMG_1.HEIC", "x/IMG_2.dng", "x/IMG_3.MOV", "old.rmvb")
    expected = ["old.rmvb", "x/IMG_3.MOV"]  # a video that cannot be read is reported
    for source in (str(tmp_path), f"{tmp_path}/**/*.*"):
        found = [path.relative_to(tmp_path).as_posix() for path in find_videos(source)]
        assert found == expected
    with pytest.raises(DataError, match="holds no video"):
        find_videos(str(tmp_path / "IMG_1.HEIC"))


def test_brackets_and_stars_are_letters_where_such_files_exist(tmp_path, monkeypatch):
    touch(tmp_path, "a[1].jpg", "a1.jpg", "s*.jpg", "st.jpg", "x[2]/b.jpg", "x2/c.jpg", "12:30.mp4")
    assert found(tmp_path / "a[1].jpg", tmp_path) == ["a[1].jpg"]
    assert found(tmp_path / "s*.jpg", tmp_path) == ["s*.jpg"]
    assert found(tmp_path / "x[2]" / "*.jpg", tmp_path) == ["x[2]/b.jpg"]
    assert found(tmp_path / "x[2]", tmp_path) == ["x[2]/b.jpg"]
    assert found(tmp_path / "[as]*.jpg", tmp_path) == ["a1.jpg", "a[1].jpg", "s*.jpg", "st.jpg"]
    monkeypatch.chdir(tmp_path)
    assert find_media("12:30.mp4") == [Path("12:30.mp4")]


@pytest.mark.parametrize(
    "source", ["", "a**b/*.jpg", "x" * 5000, "nowhere/*", "\0", "[", "caf\udce9"]
)
def test_what_names_nothing_is_one_line(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"^source=") as error:
        find_media(source)
    str(error.value).encode()
    assert str(error.value).isprintable()


def test_a_folder_without_media_is_refused_with_how_to_reach_subfolders(tmp_path):
    touch(tmp_path, "x/a.jpg")
    with pytest.raises(DataError, match="subfolders are not read"):
        find_media(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("a.heic", Path.touch, r"heic files cannot be read\. Convert it to JPEG"),
        ("a.CR2", Path.touch, "Export it as JPEG"),
        ("a.jpg", Path.mkdir, "is a folder"),
        ("a.jpg", os.mkfifo, "is a pipe, socket or device"),
        ("a.mp4", lambda path: path.symlink_to("/dev/zero"), "is a pipe, socket or device"),
        ("a.mp4", lambda path: path.symlink_to("gone"), "is a link to nothing"),
        ("a.mp4", lambda path: path.symlink_to("a.mp4"), "is a link to nothing"),
        ("a.mp4", lambda path: None, "No such file"),
    ],
)
def test_what_cannot_be_opened_is_known_before(name, make, words, tmp_path):
    make(tmp_path / name)
    with pytest.raises(DataError, match=words):
        check_readable(tmp_path / name)
