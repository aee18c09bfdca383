"""Reader of SLEAP's label files: ``.slp``, packages with images, and JSON."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fidip.core.errors import DataError
from fidip.io.json import AGAIN, parse_json, read_object
from fidip.io.labels.hdf5 import Hdf5, open_hdf5
from fidip.io.labels.labelled import Joints, Labelled, Point
from fidip.io.labels.sleap_sources import Source, embedded_image, source_indices, source_of
from fidip.io.record_fields import integer, mapping, objects, text
from fidip.io.records import RecordError, listed

USER = 0
"""Type of instances that a person labelled; others are predictions."""
PREDICTED_INSTANCES = "(predicted instances)"
"""Name under which predictions are counted as left out."""
CENTRED = 1.1
"""First version of the format in which integers are the centres of pixels."""
STANDARD_COLOURS = 1.4
"""First version of the format in which packages hold images with colours in the usual order."""


class Instance(NamedTuple):
    """Instance of a frame.

    Attributes:
        video: index of the source.
        frame: number of the frame.
        nodes: names of the points.
        xy: (N, 2) coordinates, NaN if unlabelled.
        visible: (N,) whether each point counts as labelled.
    """

    video: int
    frame: int
    nodes: Sequence[str]
    xy: NDArray[np.float64]
    visible: NDArray[np.bool_]


def read_slp(path: Path, joints: Joints) -> list[Labelled]:
    """Read the instances of a ``.slp`` file that a person labelled.

    Predicted instances are counted as left out. Points that are not visible are absent, as they
    are in SLEAP's training.

    Args:
        path: the file, also a package with images.
        joints: mapping of joint names; collects unknown names.

    Returns:
        One person per instance.

    Raises:
        DataError: the file has another format, or an instance is malformed.
    """
    with open_hdf5(path) as file:
        header = file.attribute("metadata", "json")
        if not isinstance(header, str):
            raise DataError(f"{path}: has no metadata; expected a label file of SLEAP")
        content = parse_json(header.encode(), path)
        version = float(file.attribute("metadata", "format_id") or 1.0)
        if file.has("video_crops"):
            raise DataError(
                f"{path}: has cropped videos; expected whole ones. Save it without crops"
            )
        try:
            skeletons = _skeletons(content)
            videos = [
                source_of(path, parse_json(each.encode(), path), file)
                for each in file.texts("videos_json")
            ]
            corner = 0.5 if version < CENTRED else 0.0
            found = list(_instances(file, videos, skeletons, joints, corner))
        except RecordError as problem:
            raise DataError(f"{path}: {problem}; {AGAIN}") from problem
    return _people(path, videos, found, joints, version < STANDARD_COLOURS)


def read_sleap_json(path: Path, joints: Joints) -> list[Labelled]:
    """Read the labels that SLEAP exports as JSON, or those of ``sleap_io.Labels.to_dict``.

    Args:
        path: the JSON file.
        joints: mapping of joint names; collects unknown names.

    Returns:
        One person per labelled instance, as ``read_slp``.

    Raises:
        DataError: the file has another format, or an instance is malformed.
    """
    content = read_object(path)
    is_dictionary = "labeled_frames" in content
    if "skeletons" not in content or not (is_dictionary or "labels" in content):
        raise DataError(f"{path}: has no skeletons and labels; expected SLEAP's JSON export")
    try:
        skeletons = _skeletons(content)
        videos = [source_of(path, video) for video in objects(content, "videos")]
        frames = objects(content, "labeled_frames" if is_dictionary else "labels")
        found = [each for frame in frames for each in _json_instances(frame, skeletons, joints)]
    except RecordError as problem:
        raise DataError(f"{path}: {problem}; {AGAIN}") from problem
    return _people(path, videos, found, joints)


def _people(
    path: Path,
    videos: Sequence[Source],
    found: Iterable[Instance],
    joints: Joints,
    is_swapped: bool = False,
) -> list[Labelled]:
    people: list[Labelled] = []
    problems: list[str] = []
    for each in found:
        try:
            if not 0 <= each.video < len(videos):
                raise RecordError(f"video {each.video} is missing")
            people.append(_person(path, videos[each.video], each, joints, is_swapped))
        except RecordError as problem:
            problems.append(f"frame {each.frame} of video {each.video}: {problem}")
    if problems:
        raise DataError(f"{path}: {listed(problems)}; {AGAIN}")
    if not people and joints.unknown[PREDICTED_INSTANCES]:
        raise DataError(
            f"{path}: has only predicted instances ({joints.unknown[PREDICTED_INSTANCES]}); "
            "expected some that a person labelled. Correct them in SLEAP first"
        )
    return people


def _person(
    path: Path, video: Source, each: Instance, joints: Joints, is_swapped: bool
) -> Labelled:
    known = np.isfinite(each.xy).all(axis=1) & each.visible
    points = [
        Point(name, *xy)
        for name, xy, is_known in zip(each.nodes, each.xy.tolist(), known, strict=True)
        if is_known
    ]
    keypoints = joints.keypoints(points)
    if not video.is_video and video.group is None:
        if not 0 <= each.frame < len(video.names):
            raise RecordError(f"the image sequence has {len(video.names)} images")
        return Labelled(video.names[each.frame], keypoints, image_wh=video.wh)
    embedded: Callable[[], bytes] | None = None
    if video.group is not None and video.rows is not None:
        row = video.rows.get(each.frame)
        if row is not None:
            embedded = partial(embedded_image, path, video.group, row, is_swapped)
    return Labelled(
        video.names[0], keypoints, frame=each.frame, image_wh=video.wh, embedded=embedded
    )


def _skeletons(content: Any) -> list[list[str]]:
    """Return the node names of each skeleton."""
    if not isinstance(content, dict):
        raise RecordError("the metadata are no object")
    names = [text(node, "name") for node in objects(content, "nodes")]
    skeletons = []
    for skeleton in objects(content, "skeletons"):
        graph = mapping(skeleton, "nx_graph") if "nx_graph" in skeleton else skeleton
        nodes = graph.get("nodes")
        if not isinstance(nodes, list):
            raise RecordError("a skeleton has no nodes")
        skeletons.append([_node_name(node, names) for node in nodes])
    return skeletons


def _node_name(node: object, names: Sequence[str]) -> str:
    """Return the name of a skeleton's node, which is a name or a number in the list of names."""
    if isinstance(node, dict):
        number = integer(node, "id")
        if not 0 <= number < len(names):
            raise RecordError(f"node {number} of a skeleton is missing")
        return names[number]
    return text({"node": node}, "node")


def _instances(
    file: Hdf5,
    videos: Sequence[Source],
    skeletons: Sequence[Sequence[str]],
    joints: Joints,
    corner: float,
) -> Iterator[Instance]:
    """Yield the labelled instances; ``corner`` is subtracted from coordinates."""
    frames = file.fields("frames", "video", "frame_idx", "instance_id_start", "instance_id_end")
    instances = file.fields(
        "instances", "instance_type", "skeleton", "point_id_start", "point_id_end"
    )
    points = file.fields("points", "x", "y", "visible")
    xy = np.stack([points["x"], points["y"]], axis=1).astype(np.float64) - corner
    indices = source_indices(videos, {int(video) for video in frames["video"]})
    for frame in frames:
        number = int(frame["frame_idx"])
        for row in instances[int(frame["instance_id_start"]) : int(frame["instance_id_end"])]:
            if row["instance_type"] != USER:
                joints.unknown[PREDICTED_INSTANCES] += 1
                continue
            nodes = _skeleton(skeletons, int(row["skeleton"]))
            part = slice(int(row["point_id_start"]), int(row["point_id_end"]))
            if len(xy[part]) != len(nodes):
                raise RecordError(
                    f"an instance of frame {number} has {len(xy[part])} points, its skeleton has "
                    f"{len(nodes)}"
                )
            video, visible = int(frame["video"]), points["visible"][part].astype(bool)
            yield Instance(indices.get(video, -1), number, nodes, xy[part], visible)


def _skeleton(skeletons: Sequence[Sequence[str]], index: int) -> Sequence[str]:
    if not 0 <= index < len(skeletons):
        raise RecordError(f"skeleton {index} is missing")
    return skeletons[index]


def _json_instances(
    frame: dict[str, Any], skeletons: Sequence[Sequence[str]], joints: Joints
) -> Iterator[Instance]:
    """Yield the labelled instances of a frame in either form of JSON."""
    number = integer(frame, "frame_idx")
    video = _reference(frame, "video_idx" if "video_idx" in frame else "video")
    for each in objects(frame, "_instances" if "_instances" in frame else "instances"):
        if "score" in each or each.get("type") == "predicted_instance":
            joints.unknown[PREDICTED_INSTANCES] += 1
            continue
        nodes = _skeleton(
            skeletons, _reference(each, "skeleton_idx" if "skeleton_idx" in each else "skeleton")
        )
        points = _json_points(each, len(nodes))
        yield Instance(video, number, nodes, points[:, :2], points[:, 2].astype(bool))


def _reference(record: dict[str, Any], field: str) -> int:
    """Return an index, which SLEAP writes as a number or as a text."""
    value = record.get(field)
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return int(value)
    return integer(record, field)


def _json_points(instance: dict[str, Any], count: int) -> NDArray[np.float64]:
    """Return (N, 3) x, y and visibility; NaN for points that are not listed."""
    listing = instance.get("_points", instance.get("points"))
    if isinstance(listing, list):
        listing = {str(index): point for index, point in enumerate(listing)}
    if not isinstance(listing, dict):
        raise RecordError("an instance has no points")
    points = np.full((count, 3), np.nan)
    for key, point in listing.items():
        index = _reference({"point": key}, "point")
        if not 0 <= index < count or not isinstance(point, dict):
            raise RecordError(f"point {key!a:.40} is none of the skeleton's {count}")
        points[index] = _coordinate(point, "x"), _coordinate(point, "y"), bool(point.get("visible"))
    points[np.isnan(points[:, 2]), 2] = 0
    return points


def _coordinate(point: dict[str, Any], axis: str) -> float:
    """Return a coordinate; NaN and null mean unlabelled."""
    value = point.get(axis)
    if value is not None and type(value) not in (int, float):
        raise RecordError(f"{axis} of a point is {reprlib.repr(value)}, expected a number")
    return np.nan if value is None else float(value)
