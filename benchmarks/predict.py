"""Real time on 2 cores: ``python benchmarks/predict.py [CLIP.mp4 [TURNS]]``.

Processes the same clip in four ways, one after the other, TURNS times, and prints medians. Without
CLIP, a clip of a moving infant (5 s, 1280x720) is rendered first, which takes a minute or two.

- fidip live: the loop of ``fidip predict source=webcam`` with the bundled network: decode, track,
  smooth, draw, encode H.264. The clip is read as fast as it is processed.
- fidip flip test: the same with flip_test=true.
- rtmlib: the PoseTracker loop of rtmlib's README: read, track, draw, and OpenCV's mp4v encoder.
  It runs the same ONNX file in rtmlib's session. rtmlib has no class for MoveNet, so an adapter
  passes RGB bytes to the file and the 17 heatmaps to rtmlib's decoder (DARK-UDP). The detector runs
  once and takes no time: it returns the whole frame.
- OpenCV: decode and encode only, the limit of any loop around OpenCV.

``frames/s`` uses wall time and is valid only if 2 cores are free. ``CPU ms`` is the CPU time of all
threads per frame, which other programs hardly affect: at 25 frames/s, 2 cores have 80 ms per frame.
The second table has the CPU time of each stage of the first row, run separately.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from hydra import compose, initialize_config_dir
from rtmlib import PoseTracker, ViTPose, draw_skeleton

from fidip.cli.loading import FAST, load_net
from fidip.cli.predict_settings import camera_pipeline
from fidip.inference import Predictor, VideoWriter
from fidip.inference.camera_loop import LiveOverlay, camera_frames
from fidip.inference.overlay import Overlay
from fidip.inference.person_selection import without_uncertain
from fidip.inference.runtime import OnnxRuntime, cached_onnx
from fidip.inference.webcam import Webcam
from fidip.io.paths import config_dir

SECONDS, FPS = 5, 30


def render(folder: Path) -> Path:
    """Render a clip of an infant in supine position."""
    command = [sys.executable, "-m", "fidip.synthesize", "preset=clips", f"out={folder}",
               "preset.number=1", f"preset.seconds={SECONDS}", f"preset.fps={FPS}",
               "preset.size_wh=[1280,720]", "workers=1"]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / "videos" / "clips" / "clip0001.mp4"


@cache
def settings() -> Any:
    """Return the configuration of ``fidip predict``, composed before the measurement."""
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("predict", ["source=webcam"])


def fidip_loop(predictor: Predictor, clip: Path, out: Path) -> tuple[int, str]:
    """Run the loop of ``fidip predict source=webcam``; return the frames and the printed speed."""
    follow = camera_pipeline(predictor, settings()).follower()
    with ExitStack() as stack:
        writer = stack.enter_context(VideoWriter(out / "fidip.mp4"))
        drawing = LiveOverlay(Overlay(), writer)
        stack.enter_context(drawing)
        for frame in camera_frames(Webcam(str(clip))):
            drawing.put((frame, follow(frame.image, frame.time)))
    return drawing.speed.frames, str(drawing.speed)


class MoveNet(ViTPose):
    """Adapter of fidip's ONNX file to rtmlib's interface: RGB bytes in, 17 heatmaps out."""

    def inference(self, img: np.ndarray) -> list[np.ndarray]:
        crop = np.ascontiguousarray(img[..., ::-1].transpose(2, 0, 1)[None]).clip(0, 255)
        name = self.session.get_inputs()[0].name
        (maps,) = self.session.run(None, {name: crop.astype(np.uint8)})
        return [maps[:, 1:18]]


class WholePicture:
    """Detector without cost that returns one person of the size of the frame."""

    det_mode = "human"

    def __call__(self, image: np.ndarray) -> list[list[int]]:
        return [[0, 0, image.shape[1], image.shape[0]]]


class Solution:
    """Detector and pose network as rtmlib's tracker expects them."""

    def __init__(self, file: Path, **_: Any) -> None:
        self.det_model = WholePicture()
        with contextlib.redirect_stdout(None):
            self.pose_model = MoveNet(str(file), (192, 192), mean=None, std=None)


def opencv_frames(clip: Path) -> Iterator[np.ndarray]:
    """Yield BGR frames."""
    capture = cv2.VideoCapture(str(clip))
    while True:
        there, image = capture.read()
        if not there:
            return
        yield image


def opencv_writer(path: Path) -> Any:
    return cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (1280, 720))


def rtmlib_loop(file: Path, clip: Path, out: Path) -> tuple[int, str]:
    """Run rtmlib's loop: one detection, then crops around the last pose; return the frames."""
    track = PoseTracker(partial(Solution, file), det_frequency=10**9, tracking=False)
    count, writer = 0, opencv_writer(out / "rtmlib.mp4")
    for image in opencv_frames(clip):
        keypoints, scores = track(image)
        writer.write(draw_skeleton(image.copy(), keypoints, scores, kpt_thr=0.2))
        count += 1
    writer.release()
    return count, ""


def opencv_loop(clip: Path, out: Path) -> tuple[int, str]:
    """Decode and encode only; return the frames."""
    count, writer = 0, opencv_writer(out / "opencv.mp4")
    for image in opencv_frames(clip):
        writer.write(image)
        count += 1
    writer.release()
    return count, ""


def stages(predictor: Predictor, clip: Path, out: Path) -> dict[str, float]:
    """Return the CPU ms per frame of each stage of the first row, over all threads."""
    follow, spent = camera_pipeline(predictor, settings()).follower(), dict[str, float]()
    compute = predictor.runtime

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        begin = time.process_time()
        result = work()
        spent[stage] = spent.get(stage, 0.0) + 1000 * (time.process_time() - begin)
        return result

    predictor.runtime = lambda crops: timed("  of it: network", lambda: compute(crops))
    frames, count = iter(Webcam(str(clip))), 0
    with VideoWriter(out / "stages.mp4") as writer:
        while (frame := timed("decode", lambda: next(frames, None))) is not None:
            pose = timed("track", partial(follow.tracker, frame.image))
            pose = without_uncertain(pose, follow.tracker.lost)
            step = partial(follow.step, frame.time, pose.xy[0], pose.scores[0])
            xy, scores = timed("smooth", step)
            smooth = replace(pose, xy=xy[None], scores=scores[None])
            timed("draw", partial(Overlay().draw, frame.image, smooth, "0.00 s  25 fps"))
            timed("encode", partial(writer.write, frame.image, frame.time))
            count += 1
    predictor.runtime = compute
    return {stage: ms / count for stage, ms in spent.items()}


def measure(loop: Callable[[], tuple[int, str]]) -> tuple[float, float, str]:
    """Return frames per second, CPU ms per frame, and the loop's own report."""
    clock, cpu = time.perf_counter(), time.process_time()
    count, words = loop()
    seconds, busy = time.perf_counter() - clock, time.process_time() - cpu
    return count / seconds, 1000 * busy / count, words


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        clip = Path(sys.argv[1]) if len(sys.argv) > 1 else render(out / "clips")
        turns = int(sys.argv[2]) if len(sys.argv) > 2 else 3
        settings()
        net, codec = load_net(FAST)
        file = cached_onnx(net, codec)
        plain, flipped = (Predictor(OnnxRuntime(file), codec, flip) for flip in (False, True))
        loops = {
            "fidip live": partial(fidip_loop, plain, clip, out),
            "fidip flip test": partial(fidip_loop, flipped, clip, out),
            "rtmlib": partial(rtmlib_loop, file, clip, out),
            "OpenCV": partial(opencv_loop, clip, out),
        }
        measured = [{name: measure(loop) for name, loop in loops.items()} for _ in range(turns)]
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {turns} turns")
        print(f"{'':<18}{'frames/s':>10}{'CPU ms':>9}")
        for name in loops:
            fps, cpu = np.median([turn[name][:2] for turn in measured], axis=0)
            print(f"{name:<18}{fps:10.1f}{cpu:9.1f}  {measured[-1][name][2]}")
        print("\nstage of fidip live   CPU ms")
        for stage, ms in stages(plain, clip, out).items():
            print(f"{stage:<18}{ms:10.1f}")


if __name__ == "__main__":
    main()
