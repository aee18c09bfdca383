"""Self-train a network on one clip of an infant, and predict the other clips of the same infant.

    python adapt.py CLIPS SUBJECT OUT CKPT SEED [KEY=VALUE ...]

CLIPS is a folder of preset=clips_hard. The network is trained on the clip of kind ``TRAINED`` of
the subject without its labels. OUT gets a folder for each round, and ``start.npz`` and
``adapted.npz`` with the predictions of both networks in the other clips. KEY=VALUE are settings of
``fidip.cli.self_training.SelfTraining`` or, with a dot, of ``fidip train``. The same command
continues.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fidip.cli.self_training import SelfTraining, round_config, self_train, teacher_of
from fidip.cli.training_run import train
from fidip.core.crop_window import CropWindow
from fidip.inference import Predictor, Video
from fidip.inference.output_names import name_inputs
from fidip.io.atomic import write_atomic
from fidip.io.coco import annotation_file
from fidip.io.json import read_object

TRAINED = "kicks"
SPLITS = ("clips_train", "clips_test")
EVERY = 2
"""Of so many frames of a test clip, one is predicted."""


@dataclass(frozen=True, eq=False)
class Clip:
    """Clip of T frames with its truth: (T, 17, 3) keypoints, (T, 4) boxes and (T,) areas."""

    path: Path
    kind: str
    keypoints: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray


def clips_of(root: Path, subject: int) -> Iterator[Clip]:
    """Yield the clips of a subject."""
    for split in SPLITS:
        content = read_object(annotation_file(root, split))
        people = {person["image_id"]: person for person in content["annotations"]}
        for video in content["videos"]:
            if video["subject"] == subject:
                images = [i for i in content["images"] if i["video_id"] == video["id"]]
                found = [people[image["id"]] for image in images]
                yield Clip(
                    root / "videos" / split / video["file_name"],
                    video["kind"],
                    np.array([person["keypoints"] for person in found]).reshape(-1, 17, 3),
                    np.array([person["bbox"] for person in found], dtype=float),
                    np.array([person["area"] for person in found], dtype=float),
                )


def predict(predictor: Predictor, path: Path, boxes: np.ndarray) -> dict[str, np.ndarray]:
    """Predict every ``EVERY``-th frame in its true box."""
    rows = []
    for frame in Video(path):
        if frame.index % EVERY == 0:
            wh = (frame.image.shape[1], frame.image.shape[0])
            window = CropWindow.of_box(boxes[frame.index], wh, predictor.aspect_ratio)
            pose = predictor(frame.image, [window])
            rows.append({"times": frame.time, "xy": pose.xy[0], "scores": pose.scores[0]})
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


def predict_all(predictor: Predictor, clips: list[Clip], file: Path) -> None:
    """Write the predictions and the truth of all clips, unless the file exists."""
    if file.is_file():
        return
    columns: dict[str, np.ndarray] = {}
    for clip in clips:
        truth = {"truth": clip.keypoints, "boxes": clip.boxes, "areas": clip.areas}
        found = predict(predictor, clip.path, clip.boxes)
        columns |= {f"{clip.kind}/{key}": value for key, value in found.items()}
        columns |= {f"{clip.kind}/{key}": value[::EVERY] for key, value in truth.items()}
    write_atomic(file, lambda handle: np.savez(handle, **columns))
    print(file, flush=True)


def settings_of(words: list[str]) -> SelfTraining:
    """Return the settings that KEY=VALUE words give."""
    own = dict(word.split("=", 1) for word in words if "." not in word.split("=")[0])
    overrides = tuple(word for word in words if "." in word.split("=")[0])
    return SelfTraining(
        **{key: ast.literal_eval(value) for key, value in own.items()}, overrides=overrides
    )


def main(root: Path, subject: int, out: Path, ckpt: str, seed: int, words: list[str]) -> None:
    """Train, then predict."""
    settings = settings_of(words)
    clips = list(clips_of(root, subject))
    videos = [clip.path for clip in clips if clip.kind == TRAINED]
    others = [clip for clip in clips if clip.kind != TRAINED]
    start = teacher_of(round_config(out, ckpt, seed, settings), settings)
    predict_all(start, others, out / "start.npz")
    run = self_train(name_inputs(videos, out), ckpt, out, seed, settings, train)
    adapted = teacher_of(round_config(out, str(run.root), seed, settings), settings)
    predict_all(adapted, others, out / "adapted.npz")


if __name__ == "__main__":
    clips, subject, out, ckpt, seed = sys.argv[1:6]
    main(Path(clips), int(subject), Path(out), ckpt, int(seed), sys.argv[6:])
