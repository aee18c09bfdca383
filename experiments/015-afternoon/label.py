"""Label the frames of rendered clips with the truth: python label.py CLIPS FRAMES.

A stand-in for a person at the labelling page. CLIPS is a folder of preset=clips or clips_hard, and
FRAMES one of fidip frames on its videos. The predictions in FRAMES/pre_annotations.json become the
true keypoints, as if a person had corrected and confirmed each.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from fidip.core.geometry import box_around, filled_area
from fidip.core.skeleton import COCO17
from fidip.io.coco import PRE_ANNOTATIONS, annotation_record
from fidip.io.json import read_object, write_json

Truth = dict[tuple[str, int], list[float]]
"""Keypoints by name of the video and number of the frame."""


def truth_of(clips: Path) -> Truth:
    """Return the true keypoints of all frames of all clips."""
    found: Truth = {}
    for file in sorted((clips / "annotations").glob("person_keypoints_clips*.json")):
        content = read_object(file)
        names = {i["id"]: (i["file_name"], i["frame_index"]) for i in content["images"]}
        found |= {
            names[person["image_id"]]: person["keypoints"] for person in content["annotations"]
        }
    return found


def confirmed(number: int, image: dict[str, Any], flat: list[float]) -> dict[str, Any]:
    """Return the annotation of the only person of an image."""
    keypoints = np.array(flat, dtype=float).reshape(len(COCO17), 3)
    box = box_around(keypoints)
    return annotation_record(number, image["id"], box.tolist(), filled_area(box), keypoints)


def main(clips: Path, frames: Path) -> None:
    """Replace the predictions by labels."""
    file, truth = frames / PRE_ANNOTATIONS, truth_of(clips)
    content = read_object(file)
    videos = {video["id"]: Path(video["file_name"]).name for video in content["videos"]}
    content["annotations"] = [
        confirmed(number, image, truth[videos[image["video_id"]], image["frame_index"]])
        for number, image in enumerate(content["images"], start=1)
    ]
    write_json(file, content)
    print(f"{file}: {len(content['annotations'])} frames labelled")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
