"""What all cases share: a data set, a finished run, and a good file of every kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from tests.conftest import make_tiny_dataset
from tests.data.made_clips import write_labelled_clips

from .onnx_model import make_onnx

TRAINING = ("experiment=scratch_demo", "debug=smoke", "data.val_fraction=0.5")


@dataclass(frozen=True)
class Stage:
    """The files below ``root``; no case may change them."""

    root: Path

    @property
    def data(self) -> Path:
        """A data set in SyRIP's layout."""
        return self.root / "tiny"

    @property
    def run(self) -> Path:
        """The run directory of a finished training."""
        return self.root / "run"

    @property
    def weights(self) -> Path:
        return self.run / "checkpoints" / "last.ckpt"

    @property
    def photo(self) -> Path:
        return self.data / "images" / "validate_infant" / "test0.jpg"

    @property
    def video(self) -> Path:
        return self.root / "clip.mp4"

    @property
    def clips(self) -> Path:
        """Videos of three infants, and labels of their frames."""
        return self.root / "clips"

    @property
    def frame_labels(self) -> Path:
        return self.clips / "labels.json"

    @property
    def onnx(self) -> Path:
        return self.root / "net.onnx"

    @property
    def detections(self) -> Path:
        return self.root / "detections.json"

    def annotations(self, split: str = "validate_infant") -> Path:
        return self.data / "annotations" / f"person_keypoints_{split}.json"


def make_stage(root: Path, run: Callable[[list[str]], int]) -> Stage:
    """Make everything; ``run`` runs ``fidip`` with arguments and returns its exit status."""
    stage = Stage(root)
    stage.data.mkdir(parents=True)
    make_tiny_dataset(stage.data)
    arguments = ["train", *TRAINING, f"data.root={stage.data}", f"hydra.run.dir={stage.run}"]
    if run(arguments) != 0:
        raise RuntimeError("the training that all cases use failed")
    write_video(stage.video, 10, (64, 48))
    write_labelled_clips(stage.clips, clips=3, frames=6)
    stage.onnx.write_bytes(make_onnx())
    people = json.loads(stage.annotations().read_text())["annotations"]
    boxes = [
        {"image_id": p["image_id"], "category_id": 1, "bbox": p["bbox"], "score": 0.9}
        for p in people
    ]
    stage.detections.write_text(json.dumps(boxes))
    return stage


def write_video(path: Path, frames: int, wh: tuple[int, int], index_first: bool = False) -> None:
    """Write an MPEG-4 video of blotches, always the same bytes, with its index last or first."""
    rng = np.random.default_rng(0)
    options = {"movflags": "faststart"} if index_first else {}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = wh
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        for _ in range(frames):
            coarse = rng.integers(0, 255, (4, 4, 3), np.uint8)
            image = cv2.resize(coarse, wh, interpolation=cv2.INTER_CUBIC)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
