"""``fidip app`` as a person uses it: a real browser, a real server, real files."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from fidip.cli.loading import load_predictor
from fidip.cli.page_settings import person_finder
from fidip.cli.predict_settings import camera_pipeline
from fidip.core.errors import DataError
from fidip.core.skeleton import COCO17
from fidip.inference import Predictor, Video, VideoWriter, find_person
from fidip.inference.detectors import NO_DETECTOR, OnnxDetector
from fidip.inference.person_selection import anyone
from fidip.io.paths import config_dir
from fidip.web import worker
from tests.conftest import ctrl_c_works
from tests.inference.made_media import make_video
from tests.inference.test_detectors import detector_file

pytestmark = pytest.mark.slow
WAIT = 120_000
"""ms that anything may take on a busy machine."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Address of a running server, and the folder that it writes to."""
    with served(tmp_path_factory.mktemp("served")) as running:
        yield running


@contextmanager
def served(folder, *arguments):
    command = [sys.executable, "-m", "fidip.app", "port=0",
               "ckpt=bundled:movenet-lightning", "lost=0",
               "flip_test=false", "open_browser=false", *arguments]  # fmt: skip
    with ctrl_c_works():
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(folder)}
        )
    line = process.stdout.readline()
    yield re.search(r"http://127\.0\.0\.1:\d+", line)[0], folder
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert list(folder.glob("fidip-app-*")) == []


@pytest.fixture
def page(server, browser):
    page = opened(browser, server[0])
    yield page
    page.close()


def opened(browser, address):
    page = browser.new_page()
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    return page


def tabs(server):
    return [path for root in server[1].glob("fidip-app-*") for path in root.iterdir()]


def test_a_video_is_watched_and_downloaded_and_gone_when_the_page_closes(page, server, tmp_path):
    video = make_video(tmp_path / "baby.mp4", [i / 10 for i in range(12)], wh=(160, 120))
    assert "MoveNet Lightning" in page.locator("#network").inner_text()
    page.set_input_files("#file", video)
    page.wait_for_selector("#result:not([hidden])", timeout=WAIT)
    assert page.locator("#title").inner_text() == "Found in 12 of 12 frames"
    page.evaluate("document.getElementById('player').play()")
    page.wait_for_function("document.getElementById('player').currentTime > 0.2", timeout=WAIT)
    assert page.evaluate("document.getElementById('player').videoWidth") == 160
    assert page.evaluate("document.getElementById('timeline').naturalWidth") > 500
    assert page.locator("#joints tr").count() == 9  # the nose and eight pairs

    with page.expect_download() as download:
        page.get_by_text("Table (CSV)", exact=True).click()
    with Path(download.value.path()).open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 12 * len(COCO17)

    assert len(tabs(server)) == 1
    page.close()
    deadline = time.monotonic() + 30
    while tabs(server) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert tabs(server) == []


def test_what_cannot_be_read_is_one_line_and_the_next_file_works(page, tiny_root, tmp_path):
    (tmp_path / "letter.mp4").write_text("not a video")
    page.set_input_files("#file", tmp_path / "letter.mp4")
    page.wait_for_selector("#error:not([hidden])", timeout=WAIT)
    assert page.locator("#error").inner_text().startswith("letter.mp4: cannot be opened as a video")

    photo = next((tiny_root / "images" / "validate_infant").iterdir())
    page.set_input_files("#file", photo)
    page.wait_for_selector("#result:not([hidden])", timeout=WAIT)
    assert page.locator("#error").is_hidden()
    page.wait_for_function("document.getElementById('picture').naturalWidth > 0", timeout=WAIT)
    assert page.locator("#player").is_hidden()


def test_the_webcam_is_recorded(page):
    page.click("#webcam")
    page.click("#record")
    page.wait_for_timeout(4000)
    page.click("#record")
    page.wait_for_selector("#result:not([hidden])", timeout=WAIT)
    found = re.fullmatch(r"Found in (\d+) of \1 frames", page.locator("#title").inner_text())
    assert int(found[1]) > 1


def test_keypoints_are_drawn_while_the_camera_films(page):
    page.click("#webcam")
    page.wait_for_selector("body[data-live=found]", timeout=WAIT)
    words = page.locator("#rate").inner_text()
    assert re.match(r"\d+ frames a second, points \d+ ms after the frame", words)
    page.wait_for_function(  # as large as the video, and not empty
        """() => {
            const points = document.getElementById("points");
            const live = document.getElementById("live");
            const { width, height } = points;
            const { data } = points.getContext("2d").getImageData(0, 0, width, height);
            return points.width === live.videoWidth && points.height === live.videoHeight
                && data.some(value => value > 0);
        }""",
        timeout=WAIT,
    )
    page.click("#leave")
    page.wait_for_selector("#camera", state="hidden")
    page.wait_for_timeout(500)
    assert page.evaluate("document.body.dataset.live") is None
    page.click("#webcam")  # and once more
    page.wait_for_selector("body[data-live=found]", timeout=WAIT)
    page.click("#leave")


def jpeg(width, height):
    return cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8))[1].tobytes()


def test_frames_for_the_live_view():
    assert worker.decode_frame(jpeg(640, 360)).shape == (360, 640, 3)
    png = cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1].tobytes()
    for frame in (b"", b"x", png, jpeg(64, 64)[:100], jpeg(8, 64), jpeg(4000, 3000)):
        with pytest.raises(DataError, match="frame: "):
            worker.decode_frame(frame)
    bomb = jpeg(64, 64).replace(b"\x00\x11\x08\x00\x40\x00\x40", b"\x00\x11\x08\xff\xff\xff\xff")
    assert bomb != jpeg(64, 64)
    with pytest.raises(DataError, match="far too many pixels"):
        worker.decode_frame(bomb)


def test_keypoints_of_smaller_frames_fit_the_camera(tiny_root):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("app", ["lost=0", "smoothing=none"])
    predictor = load_predictor("bundled:movenet-lightning", flip_test=False)
    start = worker.cameras(camera_pipeline(predictor, config))
    photo = cv2.imread(str(next((tiny_root / "images" / "validate_infant").iterdir())))
    camera = cv2.resize(photo, (1280, 720), interpolation=cv2.INTER_CUBIC)
    smaller = cv2.resize(camera, (640, 360), interpolation=cv2.INTER_AREA)
    found, same = (
        np.array(start()(cv2.imencode(".jpg", picture)[1].tobytes(), 0.0)["xy"]) * [1280, 720]
        for picture in (camera, smaller)
    )
    assert np.ptp(found, axis=0).max() > 100
    assert np.median(np.abs(found - same)) < 20  # px


def test_images_to_label_start_from_the_predicted_infant(tiny_root, tmp_path):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("app", ["rotations=[0]"])
    find = person_finder(load_predictor("bundled:movenet-lightning", flip_test=False), config)
    photo = next((tiny_root / "images" / "validate_infant").iterdir())
    (person,) = worker.prefill(find, lost=0)(photo)
    height, width = cv2.imread(str(photo)).shape[:2]
    inside = person.keypoints[person.keypoints[:, 2] == 2, :2]
    assert len(inside) > 10
    assert ((inside >= 0) & (inside < [width, height])).all()
    assert not person.keypoints[person.keypoints[:, 2] == 0].any()
    assert person.is_predicted
    assert person.scores.shape == (len(COCO17),)
    assert worker.prefill(find, lost=1)(photo) == []


def test_what_is_kept_stays_and_settings_of_page_and_command_hold(browser, tmp_path):
    noise = np.random.default_rng(7).integers(0, 256, (480, 640, 3), np.uint8)  # poses are wide
    video, kept = tmp_path / "baby.mp4", tmp_path / "kept"
    with VideoWriter(video) as writer:
        for number in range(4):
            writer.write(noise, number / 10)
    file = detector_file(tmp_path / "detector.onnx", size=(100, 100))
    settings = [f"keep={kept}", "smoothing=none", "overlay.threshold=1", "rotations=[0]",
                "person=surest"]  # fmt: skip
    with served(tmp_path, *settings, "detector=onnx", f"detector.path={file}") as (address, _):
        page = opened(browser, address)
        assert str(kept) in page.locator("#privacy").inner_text()
        page.click("summary")
        page.check("[value=blur_face]")
        page.check("[value=rotation_test]")
        page.wait_for_selector("[value=person]:checked")
        page.set_input_files("#file", video)
        page.wait_for_selector("#result:not([hidden])", timeout=WAIT)
        page.close()
    (folder,) = kept.iterdir()
    assert (folder / "1" / "baby.mp4").read_bytes() == video.read_bytes()
    names = {path.name for path in (folder / "1" / "results").iterdir()}
    assert names == {"baby.overlay.mp4", "baby.csv", "baby.json", "baby.timeline.png"}

    with (folder / "1" / "results" / "baby.csv").open(newline="") as table:
        rows = [(float(row["x"]), float(row["y"])) for row in csv.DictReader(table)]
    xy = np.reshape(rows, (4, len(COCO17), 2))
    shown = [frame.image for frame in Video(folder / "1" / "results" / "baby.overlay.mp4")]
    frames = [frame.image for frame in Video(video)]
    for points, image, source in zip(xy, shown, frames, strict=True):
        at = np.stack(np.meshgrid(np.arange(640), np.arange(480)), axis=-1)
        distance = np.linalg.norm(at - np.median(points[:5], axis=0), axis=-1)
        face = distance < 0.1 * np.ptp(points, axis=0).max()
        assert face.sum() > 200
        assert detail(image, face) < detail(source, face) / 4
        rest = (distance > 200) & (at[..., 1] < 400)  # the legend is below
        assert detail(image, rest) > 0.7 * detail(source, rest)

    upright = load_predictor("bundled:movenet-lightning", flip_test=False)
    turned = Predictor(upright.runtime, upright.codec, False, rotation_test=(-10, 10))
    same, *others = (
        find_person(predictor, frames[0], (0,), detector, prefer).xy[0]
        for predictor, detector, prefer in (
            (turned, OnnxDetector(file), anyone),
            (upright, OnnxDetector(file), anyone),
            (turned, NO_DETECTOR, anyone),
        )
    )
    np.testing.assert_allclose(xy[0], same, atol=1e-3)
    assert all(np.abs(xy[0] - other).max() > 1 for other in others)


def detail(image, where):
    """Mean difference of neighbouring pixels."""
    return np.abs(np.diff(image.astype(int), axis=1))[where[:, 1:]].mean()


def test_limits_and_refusals_are_shown_and_odd_names_are_downloaded(browser, tiny_root, tmp_path):
    photo = next((tiny_root / "images" / "validate_infant").iterdir())
    odd = "50% of \"it\"? #1 & 'ü' 👶.jpg"
    with served(tmp_path, "max_upload_mb=0.5", "max_queued_per_page=1") as (address, _):
        page = opened(browser, address)
        limits = page.locator("#limits").inner_text()
        assert re.findall(r"[\d.]*\d", limits) == ["0.5", "1", "16"]  # MB, files of a page, of all
        for file, error in (
            ("[new Uint8Array(600000)], 'a.mp4'", "a.mp4: the file is too large (1 MB)"),
            ("[], 'a.mp4'", "a.mp4: the file is empty"),
        ):
            page.evaluate(f"send(new File({file}))")
            page.wait_for_selector("#error:not([hidden])", timeout=WAIT)
            assert page.locator("#error").inner_text().startswith(error)
        page.set_input_files(
            "#file", {"name": odd, "mimeType": "image/jpeg", "buffer": photo.read_bytes()}
        )
        page.wait_for_selector("#result:not([hidden])", timeout=WAIT)
        page.wait_for_function("document.getElementById('picture').naturalWidth > 0", timeout=WAIT)
        with page.expect_download() as download:
            page.get_by_text("Picture with points", exact=True).click()
        assert Path(download.value.path()).stat().st_size > 1000
        page.close()


@pytest.mark.parametrize("keep", ["file", "file/below", "/proc/nowhere"])
def test_a_folder_that_cannot_be_kept_is_one_line(tmp_path, keep, cli):
    (tmp_path / "file").touch()
    path = tmp_path / keep
    ended = cli("app", "port=0", f"keep={path}", "ckpt=no-such-file", status=2)
    assert ended.error.startswith(f"error: keep={path}: ")


def test_a_playlist_does_not_give_out_other_files(tmp_path):
    private = make_video(tmp_path / "private.mp4", [0, 0.1], wh=(160, 120))
    playlist = tmp_path / "playlist.m3u8"
    start = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n"
    playlist.write_text(f"{start}{private}\n#EXT-X-ENDLIST\n")
    assert len(list(Video(playlist))) == 2  # FFmpeg follows it
    with pytest.raises(DataError, match="cannot be opened as a video"):
        worker.check_container(playlist)
    worker.check_container(private)


@pytest.mark.parametrize(
    "ending", ["mp4", "mov", "mkv", "webm", "avi", "mts", "3gp", "mpg", "wmv", "gif"]
)
def test_every_kind_of_video_is_accepted(tmp_path, ending):
    codecs = {"webm": "libvpx", "avi": "mpeg4", "mpg": "mpeg1video", "wmv": "msmpeg4", "gif": "gif"}
    format_ = {"mts": "mpegts"}.get(ending)
    path = tmp_path / f"video.{ending}"
    with av.open(str(path), "w", format=format_) as container:
        stream = container.add_stream(codecs.get(ending, "libx264"), rate=25)
        stream.width, stream.height = 176, 144
        stream.pix_fmt = "rgb8" if ending == "gif" else "yuv420p"
        noise = np.random.default_rng(0).integers(0, 256, (144, 176, 3), np.uint8)
        frame = av.VideoFrame.from_ndarray(noise, "rgb24")
        for _ in range(3):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    worker.check_container(path)


def test_other_pages_are_not_let_in(server):
    import http.client

    host, port = server[0].removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port))
    connection.request("GET", "/about", headers={"Host": "elsewhere.example"})
    assert connection.getresponse().status == 400

    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    with pytest.raises(InvalidStatus, match="403"):
        connect(f"ws://{host}:{port}/tab", origin="http://elsewhere.example")


def test_a_port_in_use_is_one_line(server, cli):
    port = server[0].rpartition(":")[2]
    error = cli("app", f"port={port}", status=2).error
    assert error.startswith(f"error: host=127.0.0.1 port={port}: ")
