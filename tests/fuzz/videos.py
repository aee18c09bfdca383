"""Bad videos and labels of their frames, for ``fidip adapt`` and ``fidip frames``."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from .case import BAD, OK, SOME_FAILED, Box, Case, expected
from .documents import DELETED, IMAGE, NO_LIST, NO_RECORD, PERSON, Spot, damaged
from .media import FOUND, VIDEOS
from .stage import Stage

FRAMES = ("runtime=torch", "lost=0", "rate=10", "count=1", "choice=uniform", "out=out")
UNTRAINABLE = "net.onnx"
"""Weights that end the command in another line where it takes bad labels for good ones."""
NO_VIDEO = (None, 99, "text", "", [], {}, 1.5, DELETED)
SURELY = {
    name: kind
    for name, kind in VIDEOS.items()
    if kind.statuses == frozenset({BAD}) and kind.suffix in FOUND
}
"""Videos without a frame."""


def draw_labels(rng: Random, box: Box, stage: Stage) -> Case:
    """A label file of frames with one bad value, or none of JSON."""
    document = json.loads(stage.frame_labels.read_text())
    image = ("images", rng.randrange(len(document["images"])))
    person = ("annotations", rng.randrange(len(document["annotations"])))
    images = {key: values for key, values in IMAGE.items() if key != "is_synthetic"}
    spots = [
        *(Spot((*image, key), (*values, DELETED)) for key, values in images.items()),
        *(Spot((*person, key), (*values, DELETED)) for key, values in PERSON.items()),
        Spot((*image, "video_id"), NO_VIDEO),
        Spot(("videos", 0, "file_name"), ("nope.mp4", "", None, 5)),
        Spot(("videos", 0), NO_RECORD),
        Spot(("videos",), NO_LIST),
        *(Spot((key,), (*NO_LIST, DELETED, [])) for key in ("images", "annotations")),
        Spot(image, NO_RECORD),
        Spot(person, NO_RECORD),
    ]
    title, content = damaged(rng, document, spots)
    return _with_labels(box, stage, title, content)


def draw_mistake(rng: Random, box: Box, stage: Stage) -> Case:
    """Labels of frames that are right by themselves, and cannot be used."""
    title = rng.choice(list(MISTAKES))
    document = json.loads(stage.frame_labels.read_text())
    MISTAKES[title](document)
    return _with_labels(box, stage, title, json.dumps(document).encode())


def draw_broken(rng: Random, box: Box, stage: Stage) -> Case:
    """Videos none of which has a frame, for training without labels or for frames to label."""
    files = _bad_videos(rng, box, stage, rng.randrange(1, 5))
    command = rng.choice(["adapt", "frames"])
    own = ("updates=1", "out=out") if command == "adapt" else FRAMES
    problems = tuple((file,) for file in files)
    if len(files) > 1:
        problems += (("all",),)
    title = f"{command}: {len(files)} videos without a frame"
    return Case(title, command, ["source=in", f"ckpt={stage.run}", *own], problems)


def draw_folder(rng: Random, box: Box, stage: Stage) -> Case:
    """A good video and bad ones: the bad ones cost only themselves."""
    files = _bad_videos(rng, box, stage, rng.randrange(0, 4))
    box.file("in/good.mp4", stage.video.read_bytes())
    arguments = ["source=in", f"ckpt={stage.run}", *FRAMES]
    title = f"frames: a good video and {len(files)} without a frame"
    problems = tuple((file,) for file in files)
    return Case(title, "frames", arguments, problems, frozenset({SOME_FAILED if files else OK}))


def _bad_videos(rng: Random, box: Box, stage: Stage, count: int) -> list[str]:
    """Write videos without a frame, and return their names."""
    files = []
    for number, name in enumerate(rng.sample(list(SURELY), count)):
        files.append(f"bad{number}{SURELY[name].suffix}")
        box.file(f"in/{files[-1]}", SURELY[name].make(rng, box, stage))
    return files


def _with_labels(box: Box, stage: Stage, title: str, content: bytes) -> Case:
    """The label file beside the images, given to ``fidip adapt``."""
    box.copy(stage.clips, "in")
    box.file("in/labels.json", content)
    arguments = ["source=in/videos", "labels=in/labels.json", "out=out", f"ckpt={UNTRAINABLE}"]
    return Case(f"labels of frames: {title}", "adapt", arguments, expected("labels"))


def _person_twice(document: dict[str, Any]) -> None:
    document["annotations"].append({**document["annotations"][0], "id": 9999})


def _frame_twice(document: dict[str, Any]) -> None:
    document["images"][1]["frame_index"] = document["images"][0]["frame_index"]


def _contradiction(document: dict[str, Any]) -> None:
    document["images"][0]["subject"] = "anna"
    document["images"][1]["subject"] = "ben"


def _wider(document: dict[str, Any]) -> None:
    document["images"][0]["width"] += 1


def _predicted(document: dict[str, Any]) -> None:
    for person in document["annotations"]:
        person["is_predicted"] = True


def _other_points(document: dict[str, Any]) -> None:
    document["categories"] = [{"id": 1, "name": "person"}]
    for person in document["annotations"]:
        person["keypoints"] = [1.0, 1.0, 2] * 22


MISTAKES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a video was renamed": lambda d: d["videos"][0].update(file_name="day 1.mp4"),
    "no video is named": lambda d: d.pop("videos"),
    "only predictions": _predicted,
    "22 points": _other_points,
    "other joints": lambda d: d["categories"][0].update(keypoints=["a", "b", "c"]),
    "another category": lambda d: [p.update(category_id=2) for p in d["annotations"]],
    "a frame twice": _frame_twice,
    "a person twice": _person_twice,
    "two subjects of a video": _contradiction,
    "an image of another size": _wider,
    "4 frames": lambda d: d.update(annotations=d["annotations"][:4]),
    "one video": lambda d: d.update(annotations=d["annotations"][:6]),
    "too few of a subject": lambda d: d.update(annotations=d["annotations"][:10]),
    "no person": lambda d: d.update(annotations=[]),
}
