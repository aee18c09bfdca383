"""``fidip predict`` on files as people have them."""

import csv
import json
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from fidip import predict
from fidip.inference import Finder, Video
from fidip.skeleton import COCO17

sys.path.insert(0, str(__import__("pathlib").Path(__file__).parent / "inference"))
from made_media import make_video

DEMO = "ckpt=bundled:demo_adult"
"""A small net: the default takes several times as long."""


def run_predict(monkeypatch, *arguments):
    """Run the command; returns its exit status."""
    monkeypatch.setattr(sys, "argv", ["fidip predict", *map(str, arguments)])
    try:
        predict.main()
    except SystemExit as exit_:
        return exit_.code
    return 0


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def photos(tiny_root, tmp_path):
    """Six photographs, one of them broken."""
    folder = tmp_path / "photos"
    folder.mkdir()
    images = sorted((tiny_root / "images" / "train_infant").iterdir())[:5]
    for image in images:
        (folder / image.name).write_bytes(image.read_bytes())
    (folder / "broken.jpg").write_bytes(images[0].read_bytes()[:200])
    return folder


def test_a_broken_photograph_among_others_is_named_and_the_rest_is_done(
    photos, monkeypatch, tmp_path, capsys
):
    out = tmp_path / "out"
    assert run_predict(monkeypatch, DEMO, f"source={photos}", f"out={out}") == predict.SOME_FAILED
    printed = capsys.readouterr().out
    assert "broken.jpg: not an image" in printed
    assert "5 of 6 done" in printed
    rows = read_csv(out / "keypoints.csv")
    assert len(rows) == 5 * len(COCO17)
    assert [row["joint"] for row in rows[:17]] == list(COCO17.joints)
    entries = json.loads((out / "keypoints.json").read_text())
    assert len({e["image_id"] for e in entries}) == 5
    assert float(rows[0]["x"]) == pytest.approx(entries[0]["keypoints"][0], abs=1e-3)
    assert len(list((out / "overlays").iterdir())) == 5


def test_labelled_boxes_are_looked_into(tiny_root, monkeypatch, tmp_path):
    images = tiny_root / "images" / "validate_infant"
    truth = tiny_root / "annotations" / "person_keypoints_validate_infant.json"
    arguments = [f"source={images}", f"boxes={truth}", f"out={tmp_path}", "save=[coco]"]
    assert run_predict(monkeypatch, *arguments) == 0
    people = json.loads(truth.read_text())["annotations"]
    assert len(json.loads((tmp_path / "keypoints.json").read_text())) == len(people)
    assert not (tmp_path / "overlays").exists()


def test_a_video_becomes_a_table_and_a_video(monkeypatch, tmp_path):
    times = (0.0, 0.05, 0.2)
    video = make_video(tmp_path / "v.mp4", times)
    assert (
        run_predict(monkeypatch, DEMO, f"source={video}", f"out={tmp_path / 'out'}", "lost=0") == 0
    )
    rows = read_csv(tmp_path / "out" / "v.csv")
    assert sorted({float(row["time_s"]) for row in rows}) == pytest.approx(times)
    assert len(rows) == 3 * len(COCO17)
    assert len(json.loads((tmp_path / "out" / "v.json").read_text())) == 3
    assert (tmp_path / "out" / "v.overlay.mp4").stat().st_size > 0


def test_frames_without_the_infant_stay_as_empty_rows(monkeypatch, tmp_path):
    video = make_video(tmp_path / "v.mp4")
    run_predict(
        monkeypatch, DEMO, f"source={video}", f"out={tmp_path}", "lost=1.1", "save=[csv,coco]"
    )
    assert {row["x"] for row in read_csv(tmp_path / "v.csv")} == {""}
    assert json.loads((tmp_path / "v.json").read_text()) == []


def test_a_video_is_smoothed_unless_told(monkeypatch, tmp_path):
    """Raw rows are what the finder says; smoothed ones tremble less, in every row and in the overlay."""
    video = make_video(tmp_path / "v.mp4", [i / 25 for i in range(12)])
    finder = Finder(predict.load_predictor("bundled:demo_adult"), lost=0)
    found = np.stack([finder(frame.image).xy for frame in Video(video)])
    xy = {}
    for name in ("none", "kalman"):
        out = tmp_path / name
        arguments = [f"source={video}", f"out={out}", DEMO, "lost=0"]
        assert run_predict(monkeypatch, *arguments, f"smoothing={name}") == 0
        rows = [(float(row["x"]), float(row["y"])) for row in read_csv(out / "v.csv")]
        xy[name] = np.reshape(rows, (12, 17, 2))
        assert Video(out / "v.overlay.mp4").count == 12
    np.testing.assert_allclose(xy["none"], found, atol=1e-3)
    tremble = {name: np.abs(np.diff(xy[name], 2, axis=0)).mean() for name in xy}
    assert tremble["kalman"] < tremble["none"] / 3


def test_a_single_photograph_prints_its_confidences(photos, monkeypatch, tmp_path, capsys):
    photo = next(p for p in sorted(photos.iterdir()) if p.name != "broken.jpg")
    assert run_predict(monkeypatch, DEMO, f"source={photo}", f"out={tmp_path}") == 0
    assert "  nose: 0." in capsys.readouterr().out


def test_the_object_does_in_three_lines_what_the_command_does(photos, monkeypatch, tmp_path):
    from fidip.inference import search

    photo = next(p for p in sorted(photos.iterdir()) if p.name != "broken.jpg")
    run_predict(monkeypatch, f"source={photo}", f"out={tmp_path}")
    pose = search(predict.load_predictor(), cv2.imread(str(photo), cv2.IMREAD_COLOR_RGB))
    rows = read_csv(tmp_path / "keypoints.csv")
    np.testing.assert_allclose(pose.xy[:, 0], [float(r["x"]) for r in rows], atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "source is not set"),
        (("source=nowhere.mp4",), "no such file"),
        (("source=x.mp4", "smoothing=wavelets"), "no smoothing 'wavelets'; there are hampel"),
        (("source={photos}", "detector=onnx"), "detector.path is not set"),
        (("source={photos}", "person=baby"), "person=baby is none of infant, surest"),
        (("source={photos}", "save=[gif]"), "save: gif is none of"),
        (("source={photos}", "ckpt=nowhere.ckpt"), "nowhere.ckpt: there is no such file"),
    ],
)
def test_mistakes_are_one_line(arguments, words, photos, monkeypatch, tmp_path, capsys):
    given = [a.format(photos=photos) for a in arguments]
    assert run_predict(monkeypatch, *given, f"out={tmp_path / 'out'}") == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert words in error[-1]
    assert error[-1].startswith("error: ")


@pytest.mark.slow
@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupted_video_keeps_what_was_found(tmp_path):
    video = make_video(tmp_path / "v.mp4", [i / 25 for i in range(1500)], wh=(320, 240))
    command = [
        sys.executable,
        "-m",
        "fidip.predict",
        DEMO,
        f"source={video}",
        f"out={tmp_path / 'out'}",
    ]
    process = subprocess.Popen([*command, "lost=0"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    part = tmp_path / "out" / ".v.overlay.mp4.part"
    deadline = time.monotonic() + 60
    while not part.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(5)  # the first search has ended, the last frame is far
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    frames = len(read_csv(tmp_path / "out" / "v.csv")) // len(COCO17)
    assert 0 < frames < 1500
    assert (tmp_path / "out" / "v.overlay.mp4").exists()
    assert not part.exists()
