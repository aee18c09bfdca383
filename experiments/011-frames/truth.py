"""Make a split of frames of rendered clips with their true labels.

    python truth.py CLIPS OUT SPLIT [FRAMES]

CLIPS is a folder of preset=clips. FRAMES is a frames.csv of fidip frames; without it, a frame is
taken every half second. An existing split is kept.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fidip.io.coco import annotation_file
from fidip.io.images import write_image
from fidip.io.json import read_object, write_json
from fidip.io.video import Video

EVERY = 0.5
"""Seconds between frames without a list of frames."""
Frames = set[tuple[str, int]]
"""Names of videos and numbers of frames."""


def listed(file: Path) -> Frames:
    """Return the frames that a frames.csv lists."""
    with file.open(newline="", encoding="utf-8") as lines:
        return {(Path(row["video"]).name, int(row["frame"])) for row in csv.DictReader(lines)}


def spaced(images: Iterable[dict[str, Any]]) -> Frames:
    """Return the first frame of each half second of each clip."""
    first: dict[tuple[str, int], int] = {}
    for image in sorted(images, key=lambda image: image["frame_index"]):
        first.setdefault((image["file_name"], int(image["time"] / EVERY)), image["frame_index"])
    return {(name, frame) for (name, _), frame in first.items()}


def image_name(video: str, frame: int) -> str:
    """Return the name of a frame's image."""
    return f"{Path(video).stem}_{frame:06}.jpg"


def main(clips: Path, out: Path, split: str, frames: Path | None = None) -> None:
    """Write the images, then the annotation file."""
    file = annotation_file(out, split)
    if file.exists():
        return
    content = read_object(annotation_file(clips, "clips"))
    wanted = listed(frames) if frames else spaced(content["images"])
    images = [i for i in content["images"] if (i["file_name"], i["frame_index"]) in wanted]
    ids = {image["id"] for image in images}
    for video in sorted({name for name, _ in wanted}):
        for frame in Video(clips / "videos" / "clips" / video):
            if (video, frame.index) in wanted:
                path = out / "images" / split / image_name(video, frame.index)
                write_image(path, frame.image, is_synced=False)
    write_json(
        file,
        {
            "categories": content["categories"],
            "videos": content["videos"],
            "images": [
                {**i, "file_name": image_name(i["file_name"], i["frame_index"]),
                 "is_synthetic": False}
                for i in images
            ],
            "annotations": [a for a in content["annotations"] if a["image_id"] in ids],
        },
    )  # fmt: skip


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]), sys.argv[3], *map(Path, sys.argv[4:5]))
