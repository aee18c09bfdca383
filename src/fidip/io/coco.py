"""COCO's keypoint format: file names, and conversion of dictionaries in both directions.

SyRIP uses the same format. ``fidip.data.annotations`` reads and checks annotation files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fidip.core.arrays import Floats, ImageSize
from fidip.core.errors import DataError
from fidip.core.people import Annotation, ImageInfo, People, require_people
from fidip.core.poses import Poses, pose_scores
from fidip.core.skeleton import COCO17
from fidip.io.json import read_json
from fidip.io.record_fields import integer, number, numbers
from fidip.io.records import parse_records

PREFIX = "person_keypoints_"
"""Prefix of the names of annotation files, followed by the name of the split."""
PRE_ANNOTATIONS = "pre_annotations.json"
"""Name of the annotation file of frames that were chosen for labelling, with predictions."""
PERSON = 1
"""``category_id`` of people in COCO and SyRIP."""


def annotation_file(root: Path, split: str, folder: str = "annotations") -> Path:
    """Return the path of the annotation file of a split.

    Args:
        root: folder of the dataset.
        split: name of the split.
        folder: folder of the annotation files, below ``root``.

    Example:
        >>> annotation_file(Path("data"), "train").as_posix()
        'data/annotations/person_keypoints_train.json'
    """
    return root / folder / f"{PREFIX}{split}.json"


def split_of(file: Path) -> str:
    """Return the name of the split of an annotation file.

    Args:
        file: the annotation file.

    Example:
        >>> split_of(Path("annotations/person_keypoints_train.json"))
        'train'
    """
    return file.stem.removeprefix(PREFIX)


def person_category() -> dict[str, Any]:
    """Return the category "person" with the 17 joints, which COCO counts from 1.

    Example:
        >>> person_category()["skeleton"][0]
        [16, 14]
    """
    return {
        "id": PERSON,
        "name": "person",
        "keypoints": list(COCO17.joints),
        "skeleton": [[a + 1, b + 1] for a, b in COCO17.limbs],
    }


def image_record(id_: int, file_name: str, image_wh: ImageSize) -> dict[str, Any]:
    """Return the entry of an image in an annotation file.

    Args:
        id_: id of the image.
        file_name: path of the image below the folder of the images.
        image_wh: (width, height) in px.

    Example:
        >>> image_record(7, "a.jpg", (640, 480))
        {'id': 7, 'file_name': 'a.jpg', 'width': 640, 'height': 480}
    """
    return {"id": id_, "file_name": file_name, "width": image_wh[0], "height": image_wh[1]}


def annotation_record(
    id_: int,
    image_id: int,
    box_xywh: Sequence[float],
    area: float,
    keypoints: Floats,
    is_crowd: bool = False,
) -> dict[str, Any]:
    """Return the annotation of a person.

    Args:
        id_: id of the annotation.
        image_id: id of the image.
        box_xywh: left, top, width and height in image px.
        area: area of the person in px².
        keypoints: (K, 3) x and y in image px, and visibility: 0 unlabelled, 1 occluded, 2 visible.
        is_crowd: whether the box contains a crowd.

    Example:
        >>> person = annotation_record(7, 1, [0, 0, 20, 40], 500.0, np.array([[3.0, 4.0, 2.0]]))
        >>> person["num_keypoints"], person["keypoints"]
        (1, [3.0, 4.0, 2.0])
    """
    return {
        "id": id_,
        "image_id": image_id,
        "category_id": PERSON,
        "iscrowd": int(is_crowd),
        "bbox": list(box_xywh),
        "area": area,
        "num_keypoints": int((keypoints[:, 2] > 0).sum()),
        "keypoints": keypoints.ravel().tolist(),
    }


def result_record(image_id: int, keypoints: Floats, score: float) -> dict[str, Any]:
    """Return the entry of a predicted person in a results file.

    Args:
        image_id: id of the image.
        keypoints: (K, 3) x and y in image px, and confidence.
        score: score of the person.

    Example:
        >>> result_record(1, np.array([[3.0, 4.0, 0.9]]), 0.9)
        {'image_id': 1, 'category_id': 1, 'keypoints': [3.0, 4.0, 0.9], 'score': 0.9}
    """
    return {
        "image_id": image_id,
        "category_id": PERSON,
        "keypoints": keypoints.ravel().tolist(),
        "score": score,
    }


def annotations_to_coco(people: People) -> dict[str, Any]:
    """Convert people to the content of an annotation file.

    It contains all images and all people. Predictions that match a crowd or a person without
    labelled joints are ignored in the evaluation; predictions in images without people are false
    positives.

    Args:
        people: labelled people, with crowds and images without people.

    Returns:
        A dictionary with ``images``, ``annotations`` and ``categories``.

    Raises:
        TypeError: ``people`` is a plain sequence of annotations.
    """
    require_people(people)
    return {
        "images": [image_record(image.id, image.file_name, image.wh) for image in people.images],
        "annotations": [
            annotation_record(
                a.id, a.image_id, a.box_xywh.tolist(), a.area, a.keypoints, a.is_crowd
            )
            for a in (*people.labelled, *people.others)
        ],
        "categories": [person_category()],
    }


def to_coco_results(poses: Poses, decimals: int | None = None) -> list[dict[str, Any]]:
    """Convert poses to the content of a results file; ``pose_scores`` gives the scores.

    Args:
        poses: N people.
        decimals: decimals of coordinates and confidences; None for no rounding.

    Returns:
        N entries.
    """
    triplets = np.concatenate([poses.xy, poses.scores[..., None]], axis=-1)
    triplets = triplets if decimals is None else triplets.round(decimals)
    return [
        result_record(int(image_id), keypoints, float(score))
        for image_id, keypoints, score in zip(
            poses.image_ids, triplets, pose_scores(poses), strict=True
        )
    ]


def from_coco_results(results: Sequence[dict[str, Any]]) -> Poses:
    """Convert the entries of a results file to poses.

    Args:
        results: entries; those of categories other than person are skipped.

    Returns:
        N poses. Their box scores are the scores of the entries, and their keypoint confidences are
        1, so that ``pose_scores`` returns the scores of the entries.

    Example:
        >>> entry = result_record(7, np.zeros((17, 3)), 0.9)
        >>> poses = from_coco_results([entry])
        >>> poses.image_ids, pose_scores(poses)
        (array([7]), array([0.9]))
    """
    people = [entry for entry in results if entry["category_id"] == PERSON]
    keypoints = np.array([entry["keypoints"] for entry in people], dtype=np.float64)
    xy = keypoints.reshape(-1, len(COCO17), 3)[..., :2]
    return Poses.of_keypoints(
        xy,
        np.ones(xy.shape[:2], np.float32),
        image_ids=np.array([entry["image_id"] for entry in people], dtype=np.int64),
        box_scores=np.array([entry["score"] for entry in people], dtype=np.float64),
    )


def read_results(path: Path) -> list[dict[str, Any]]:
    """Read a results file.

    Args:
        path: a JSON list of ``{image_id, category_id, keypoints, score}``.

    Returns:
        The entries, without other fields of the file.

    Raises:
        DataError: the file is missing, or has another content.
    """
    results = read_json(path)
    if not isinstance(results, list):
        raise DataError(f"{path}: expected a list of results in COCO's keypoint format")
    return parse_records(path, "result", results, _result)


def read_video_results(folder: Path, images: Sequence[ImageInfo]) -> list[dict[str, Any]]:
    """Read the results of videos, one file for each, as ``fidip predict`` writes them.

    The file of ``NAME.mp4`` is ``NAME.mp4.json``, or else ``NAME.json``. Its ``image_id`` are the
    numbers of frames; frames that are not among the images are skipped.

    Args:
        folder: the folder of the files.
        images: images of the dataset, with ``video`` and ``frame``.

    Returns:
        The entries of all frames, with the ids of the images.

    Raises:
        DataError: the images are not frames of videos, or a file is missing, malformed or that of
            two videos.
    """
    frames: dict[str, dict[int, int]] = {}
    for image in images:
        if image.video is not None and image.frame is not None:
            frames.setdefault(image.video, {})[image.frame] = image.id
    if not frames:
        raise DataError(
            f"predictions={folder}: a folder holds the results of videos, but no image of the "
            "split has video_id and frame_index; expected the name of a file that exists"
        )
    files = {video: _results_of_video(folder, video) for video in frames}
    _require_own_files(folder, files)
    return [
        {**entry, "image_id": ids[entry["image_id"]]}
        for video, ids in frames.items()
        if (file := files[video])
        for entry in read_results(file)
        if entry["image_id"] in ids
    ]


def _require_own_files(folder: Path, files: Mapping[str, Path | None]) -> None:
    """Check that every video has a file of its own."""
    missing = [video for video, file in files.items() if file is None]
    if missing:
        raise DataError(
            f"predictions={folder}: no results of {len(missing)} of {len(files)} videos (the "
            f"first: {missing[0]}); expected NAME.json for each. Predict all of them: fidip "
            "predict source=VIDEOS"
        )
    videos: dict[Path | None, str] = {}
    for video, file in files.items():
        other = videos.setdefault(file, video)
        if other != video:
            raise DataError(
                f"{file}: is the only file for {other} and {video}; expected {video}.json. Predict "
                "both together: fidip predict source=VIDEOS"
            )


def _results_of_video(folder: Path, video: str) -> Path | None:
    if Path(video).is_absolute() or ".." in Path(video).parts:
        return None
    files = [folder / f"{name}.json" for name in (video, os.path.splitext(video)[0])]
    return next((file for file in files if os.path.isfile(file)), None)


def _result(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "image_id": integer(record, "image_id"),
        "category_id": integer(record, "category_id"),
        "keypoints": numbers(record, "keypoints", 3 * len(COCO17)).tolist(),
        "score": number(record, "score"),
    }


def area_source(annotations: Sequence[Annotation]) -> str:
    """Return whether labelled areas, which OKS is relative to, are box or segment areas.

    Box areas are larger and make OKS more tolerant.

    Args:
        annotations: labelled people.

    Returns:
        ``box area`` or ``segment area``.
    """
    boxes = np.array([a.box_xywh[2] * a.box_xywh[3] for a in annotations])
    areas = np.array([a.area for a in annotations])
    return "box area" if np.allclose(areas, boxes, rtol=0.01) else "segment area"
