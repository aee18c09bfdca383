"""``fidip predict source=webcam``, with a file that OpenCV plays as if it were a camera."""

import csv
import http.server
import re
import threading
import time

import cv2
import numpy as np
import pytest

from fidip.core.errors import DataError
from fidip.core.skeleton import COCO17
from fidip.inference import Video
from fidip.inference.camera_loop import camera_frames
from fidip.inference.webcam import Webcam, camera_of
from tests.conftest import interrupt_at_work
from tests.inference.made_media import make_video

TIMES = (0.0, 0.04, 0.12, 0.2, 0.5)


def read_xy(path):
    """(T, K, 2) of a table."""
    with path.open(newline="") as file:
        rows = [(float(row["x"]), float(row["y"])) for row in csv.DictReader(file)]
    return np.reshape(rows, (-1, len(COCO17), 2))


@pytest.mark.parametrize(
    ("source", "device"),
    [("0", 0), ("webcam", 0), ("webcam:1", 1), ("webcam:rtsp://at/1", "rtsp://at/1"),
     ("baby.mp4", None), ("folder", None)],
)  # fmt: skip
def test_what_names_a_camera(source, device):
    assert camera_of(source) == device


def test_a_camera_gives_pictures_and_their_times_until_time_is_up(tmp_path):
    video = make_video(tmp_path / "v.mp4", TIMES)
    seen = list(Webcam(str(video)))
    assert [frame.time for frame in seen] == pytest.approx(TIMES, abs=1e-3)
    for frame, other in zip(seen, Video(video), strict=True):
        assert np.abs(frame.image.astype(int) - other.image).mean() < 3
    assert len(list(Webcam(str(video), seconds=0.15))) == 3


class SlowCapture:
    """A camera that needs 0.4 s for the first of 10 frames, and has no time stamps.

    Stands in for OpenCV's capture: every file that OpenCV can play has time stamps.
    """

    def __init__(self, device):
        self.frames = 0

    def isOpened(self):  # noqa: N802 - OpenCV's name
        return True

    def read(self):
        time.sleep(0.03 if self.frames else 0.4)
        self.frames += 1
        return self.frames <= 10, np.zeros((48, 64, 3), np.uint8)

    def get(self, name):
        return 0.0

    def release(self):
        pass


def test_without_time_stamps_times_count_from_the_first_frame(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", SlowCapture)
    seen = list(Webcam(0))
    arrived = np.array([frame.arrived for frame in seen])
    assert [frame.time for frame in seen] == pytest.approx(arrived - arrived[0], abs=1e-9)
    assert seen[1].time < 0.3


class Stream(http.server.BaseHTTPRequestHandler):
    """A network camera: 50 JPEG frames a second, one grey level brighter each, 150 in all."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=f")
        self.end_headers()
        for number in range(150):
            picture = cv2.imencode(".jpg", np.full((48, 64, 3), number + 50, np.uint8))[1].tobytes()
            header = f"--f\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            self.wfile.write(header.encode() + picture + b"\r\n")
            time.sleep(0.02)

    def log_message(self, *_):
        pass


@pytest.fixture
def network_camera():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/a.mjpg"
    server.shutdown()


def test_frames_that_come_too_fast_are_left_out_and_the_newest_is_taken(network_camera):
    camera = Webcam(network_camera)
    assert camera.is_live
    indices, ages = [], []
    for frame in camera_frames(camera):
        ages.append(time.perf_counter() - frame.arrived)
        indices.append(frame.index)
        assert frame.image.mean() == pytest.approx(frame.index + 50, abs=2)
        time.sleep(0.2)
    assert indices == sorted(set(indices))
    assert len(indices) < 50
    assert indices[-1] == 149
    assert np.median(ages) < 0.15  # a queue of 8 would be 1.6 s behind


def test_a_missing_camera_is_one_line(cli, tmp_path):
    ended = cli("predict", "source=webcam:63", f"out={tmp_path}", status=2)
    (line,) = ended.err.strip().splitlines()
    assert line.startswith("error: webcam:63: no camera can be opened there")
    ended = cli("predict", "source=v.mp4", "seconds=3", f"out={tmp_path}", status=2)
    assert "seconds=3 is for a webcam" in ended.err


def test_a_recording_is_smoothed_and_drawn_as_it_comes(cli, tmp_path):
    """As the filters that need no later frame do with what is found in the same video."""
    video = make_video(tmp_path / "v.mp4", [i / 25 for i in range(12)])
    common = ["ckpt=bundled:movenet-lightning", "lost=0", "flip_test=false"]
    camera, file = tmp_path / "camera", tmp_path / "file"
    printed = cli("predict", f"source=webcam:{video}", f"out={camera}", *common).out
    cli("predict", f"source={video}", f"out={file}", "smoothing.causal=true", *common)
    found = read_xy(camera / "webcam.csv")
    assert len(found) == 12
    assert (
        np.abs(found - read_xy(file / "v.csv")).mean() < 0.5
    )  # OpenCV decodes a little differently
    assert Video(camera / "webcam.overlay.mp4").count == 12
    assert re.search(r"frames/s, 0 of 12 left out; latency from frame to overlay \d+ ms", printed)
    assert (camera / "webcam.json").stat().st_size > 0
    with pytest.raises(DataError, match="no camera"):
        Webcam(str(tmp_path / "none.mp4"))


@pytest.mark.slow
@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_a_recording_well(cli, tmp_path):
    video = make_video(tmp_path / "v.mp4", [i / 25 for i in range(2000)])
    out = tmp_path / "out"
    part = out / ".webcam.overlay.mp4.part"
    interrupt_at_work(part)
    settings = ("lost=0", "rotations=[0]", "smoothing=one_euro")
    cli("predict", f"source=webcam:{video}", f"out={out}", *settings)
    frames = len(read_xy(out / "webcam.csv"))
    assert 0 < frames < 2000
    assert Video(out / "webcam.overlay.mp4").count == frames
    assert not part.exists()
