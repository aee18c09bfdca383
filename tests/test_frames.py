"""``fidip frames``: the frames of a folder of videos to label, with predictions to correct."""

import csv
import json
import shutil

import numpy as np
import pytest

from fidip.cli.prediction_inputs import SOME_FAILED
from fidip.core.errors import DataError
from fidip.data.annotations import read_annotations, read_boxes
from fidip.inference import Video
from fidip.inference.frame_candidates import FrameAnalysis
from fidip.io.images import write_image
from fidip.io.video import read_photo
from tests.fuzz.stage import write_video
from tests.inference.made_media import square
from tests.inference.odd_media import make_cut_video

WH = (64, 48)
NET = (
    *("ckpt=bundled:movenet-lightning", "experiment=finetune_demo", "runtime=torch"),
    *("codec.input_wh=[64,64]", "codec.heatmap_wh=[16,16]"),
)
COMMON = (*NET, "lost=0", "rate=10", "gap=0.15")
"""A small network that finds an infant everywhere, and each frame of the short videos."""


@pytest.fixture
def videos(tmp_path, monkeypatch):
    """Videos of one name in the folders of two infants, a broken one, and a photograph."""
    monkeypatch.setenv("FIDIP_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "videos"
    for name, count in (("anna", 4), ("ben", 5)):
        (folder / name).mkdir(parents=True)
        write_video(folder / name / "day 1.mp4", count, WH)
    (folder / "ben" / "broken.mp4").write_bytes(b"no video")
    (folder / ".hidden").mkdir()
    shutil.copy(folder / "anna" / "day 1.mp4", folder / ".hidden" / "x.mp4")
    write_image(folder / "photo.jpg", square(0, WH))
    return folder


def rows_of(out):
    with (out / "frames.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def contents(out):
    return {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_frames_are_written_with_predictions_that_are_no_labels(videos, cli, tmp_path, monkeypatch):
    out = tmp_path / "out"
    whole = (videos / "ben" / "day 1.mp4").read_bytes()
    (videos / "ben" / "empty.mp4").write_bytes(b"")
    (videos / "ben" / "half.mp4").write_bytes(whole[: len(whole) // 2])
    arguments = (*COMMON, f"source={videos}", "choice=uniform", "count=5")
    printed = cli("frames", *arguments, f"out={out}", status=SOME_FAILED).out
    for name in ("broken", "empty", "half"):
        assert f"{name}.mp4: cannot be opened as a video" in printed
    assert "chose 5 of 9 frames of 2 subjects" in printed
    assert "2 of 5 done" in printed
    assert f"label them with fidip app label={out}" in printed

    rows = rows_of(out)
    places = [(row["subject"], row["video"], int(row["frame"])) for row in rows]
    assert places == [
        *(("anna", "anna/day 1.mp4", frame) for frame in (0, 2)),
        *(("ben", "ben/day 1.mp4", frame) for frame in (0, 2, 4)),
    ]
    assert rows[1]["image"] == "images/anna/day 1_000002.jpg"
    assert float(rows[1]["motion"]) > 0
    for _, name, number in places:
        frames = [frame.image for frame in Video(videos / name)]
        image = read_photo(out / "images" / f"{name.removesuffix('.mp4')}_{number:06}.jpg")
        differences = [np.abs(image.astype(int) - frame).mean() for frame in frames]
        assert int(np.argmin(differences)) == number
    assert read_photo(out / "contact_sheet.jpg").shape[1] == 8 * 224

    labels = out / "pre_annotations.json"
    content = json.loads(labels.read_text())
    assert [image["frame_index"] for image in content["images"]] == [0, 2, 0, 2, 4]
    assert all(person["is_predicted"] for person in content["annotations"])
    assert all(0 <= person["score"] <= 1 for person in content["annotations"])
    with pytest.raises(DataError, match="predicted instead of labelled keypoints"):
        read_annotations(labels, out)
    boxes = read_boxes(labels, out).people
    assert len(boxes) == len(content["annotations"]) == 5
    assert {image.video for image in boxes.images} == {"anna/day 1.mp4", "ben/day 1.mp4"}
    for person in content["annotations"]:
        person.update(is_predicted=False)
    labels.write_text(json.dumps(content))  # as if somebody had corrected them
    (first, *_) = read_annotations(labels, out).people
    assert first.keypoints[:, 2].max() == 2
    assert (first.box_xywh >= 0).all()

    again = tmp_path / "again"
    monkeypatch.setattr(FrameAnalysis, "__call__", pytest.fail)  # the cache has all of it
    cli("frames", *arguments, f"out={again}", status=SOME_FAILED)
    assert rows_of(again) == rows
    assert {**contents(again), labels.relative_to(out): b""} == {
        **contents(out),
        labels.relative_to(out): b"",
    }
    ended = cli("frames", *arguments, f"out={again}", status=2)
    assert "holds 4 of the 4 files to be written" in ended.err
    ended = cli("frames", *arguments, f"out={tmp_path / 'o'}", "count=99", status=SOME_FAILED)
    assert "count=99: only 9 of 9 frames differ enough" in ended.out


def test_an_interrupted_analysis_continues(videos, cli, tmp_path, monkeypatch):
    (videos / "ben" / "broken.mp4").unlink()
    analysed = []
    analyse = FrameAnalysis.__call__

    def counted(self, video, *arguments):
        analysed.append(video.path.parent.name)
        if len(analysed) == 2:
            raise KeyboardInterrupt
        return analyse(self, video, *arguments)

    monkeypatch.setattr(FrameAnalysis, "__call__", counted)
    arguments = (*COMMON, f"source={videos}", f"out={tmp_path / 'out'}", "count=4", "choice=useful")
    ended = cli("frames", *arguments, status=130)
    assert "interrupted: the analysis of 1 of 2 videos is kept" in ended.err
    assert not (tmp_path / "out").exists()
    cli("frames", *arguments, r"subject=^\w+")
    assert analysed == ["anna", "ben", "ben"]
    rows = rows_of(tmp_path / "out")
    assert [row["subject"] for row in rows] == ["anna", "anna", "ben", "ben"]
    frames = np.array([int(row["frame"]) for row in rows]).reshape(2, 2)
    assert (np.diff(frames) >= 2).all()


def test_frames_of_a_truncated_video_are_used(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("FIDIP_CACHE", str(tmp_path / "cache"))
    video, out = make_cut_video(tmp_path / "v.mp4"), tmp_path / "out"
    arguments = (*COMMON, "rate=2", f"source={video}", f"out={out}", "count=2", "choice=random")
    ended = cli("frames", *arguments, status=SOME_FAILED)
    assert "s could be decoded" in ended.out
    assert len(rows_of(out)) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("source={tmp}/empty",), "empty: holds no video; expected at least one file"),
        (("source={tmp}/videos/photo.jpg",), "photo.jpg: holds no video"),
        (("source={tmp}/gone",), "no such file or folder"),
        (("source={tmp}/videos", "subject=(a"), "subject=(a: not a regular expression"),
        (("source={tmp}/videos", r"subject=ben|(x)"), "does not match the video anna/day 1.mp4"),
        (("source={tmp}/videos", "out={tmp}/videos/photo.jpg"), "photo.jpg is not a folder"),
        (("source={tmp}/videos", "ckpt={tmp}/net.onnx"), "net.onnx: an ONNX file gives no feature"),
        (("source={tmp}/videos/ben/broken.mp4",), "broken.mp4: cannot be opened as a video"),
        (("source={tmp}/videos", "count=0"), "count=0: expected at least 1"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments, words, videos, cli, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no video")
    before = contents(tmp_path)
    given = [argument.format(tmp=tmp_path) for argument in arguments]
    ended = cli("frames", f"out={tmp_path / 'out'}", *NET, *given, status=2)
    (line,) = ended.errors
    assert words in line
    assert contents(tmp_path) == before
    assert not (tmp_path / "out").exists()
