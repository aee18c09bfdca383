"""Contact sheets of rendered splits: images, or frames of clips, with their keypoints."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from fidip.core.arrays import Image
from fidip.io.atomic import disk_errors
from fidip.io.coco import annotation_file
from fidip.io.drawing import draw_pose, sheet, spread
from fidip.io.images import write_image
from fidip.io.json import read_json
from fidip.io.video import frames_at


def contact_sheet(root: Path, split: str, out: Path, count: int = 48, columns: int = 8) -> None:
    """Draw images spread evenly over a split, at twice their size; hidden keypoints are rings.

    Args:
        root: folder of the dataset.
        split: name of the split.
        out: the JPEG file to write.
        count: largest number of images.
        columns: images per row.
    """
    file = annotation_file(root, split)
    content = read_json(file)
    images, annotations = content["images"], content["annotations"]
    tiles = [
        _labelled(root / "images" / split / images[i]["file_name"], annotations[i]["keypoints"])
        for i in spread(len(images), count)
    ]
    with disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    write_image(out, sheet(tiles, 224, columns))


def clip_contact_sheet(root: Path, split: str, out: Path, columns: int = 6) -> None:
    """Draw frames spread evenly over each clip of a split, one row for each clip.

    Args:
        root: folder of the dataset.
        split: name of the split.
        out: the JPEG file to write.
        columns: frames of a clip.
    """
    content = read_json(annotation_file(root, split))
    pairs = zip(content["images"], content["annotations"], strict=True)
    keypoints = {(i["video_id"], i["frame_index"]): a["keypoints"] for i, a in pairs}
    tiles: list[Image] = []
    for video in content["videos"]:
        chosen = set(spread(video["frames"], columns))
        file = root / "videos" / split / video["file_name"]
        shown = [
            _drawn(frame.image, keypoints[video["id"], frame.index])
            for frame in frames_at(file, chosen)
        ]
        tiles += shown + [np.full_like(shown[0], 255)] * (columns - len(shown))
    with disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    write_image(out, sheet(tiles, 160, columns))


def _labelled(path: Path, flat: list[float]) -> Image:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    assert image is not None  # just written
    return _drawn(image.astype(np.uint8), flat)


def _drawn(image: Image, flat: list[float]) -> Image:
    large = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    keypoints = np.array(flat).reshape(-1, 3)
    xy = 2 * keypoints[:, :2] + 0.5  # pixel centres at integers
    return draw_pose(large.astype(np.uint8), xy, keypoints[:, 2] > 0, keypoints[:, 2] == 1)
