"""Videos, image sequences and images in packages of SLEAP's label files."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np

from fidip.core.arrays import ImageSize
from fidip.core.errors import DataError
from fidip.io.images import decode_rgb, encode_image
from fidip.io.json import AGAIN, parse_json
from fidip.io.labels.hdf5 import Hdf5, open_hdf5
from fidip.io.labels.labelled import inside
from fidip.io.record_fields import LONGEST_SIDE, mapping
from fidip.io.records import RecordError


@dataclass(frozen=True)
class Source:
    """Video, image sequence, or images in a package.

    Attributes:
        names: path of the video, or paths of the images of a sequence.
        is_video: whether there is one path, of a video.
        wh: (width, height) in px; None if unknown.
        group: name of the group of images in the file; None if they are elsewhere.
        rows: row in the package by frame number.
    """

    names: Sequence[str]
    is_video: bool
    wh: ImageSize | None = None
    group: str | None = None
    rows: dict[int, int] | None = None


def source_of(path: Path, content: Any, file: Hdf5 | None = None) -> Source:
    """Return the source that an entry of the list of videos describes.

    Args:
        path: the label file, for names.
        content: the entry.
        file: the open label file if it is HDF5, which may hold images.

    Raises:
        RecordError: the entry is malformed.
    """
    if not isinstance(content, dict):
        raise RecordError(f"a video is {reprlib.repr(content)}, expected an object")
    backend = mapping(content, "backend") if isinstance(content.get("backend"), dict) else {}
    names = backend.get("filenames") or content.get("filename") or backend.get("filename")
    if isinstance(names, list):
        listing = [inside("filename", str(each)) for each in names]
        return Source(listing, is_video=False, wh=_shape(content, backend))
    name = str(backend.get("filename", names))
    is_packed = name == "."
    name = path.name if is_packed else inside("filename", name)
    group = str(backend.get("dataset") or "").removesuffix("/video")
    if file is None or not is_packed or not group:
        return Source([name], is_video=True, wh=_shape(content, backend))
    rows = {}
    if file.has(f"{group}/frame_numbers"):
        rows = {int(n): i for i, n in enumerate(file.numbers(f"{group}/frame_numbers", 1))}
    return Source([_original(path, file, group)], is_video=True, group=group, rows=rows)


def _original(path: Path, file: Hdf5, group: str) -> str:
    """Return the name of the video that the images of a package were taken from."""
    content = file.attribute(f"{group}/source_video", "json")
    if isinstance(content, str):
        entry = parse_json(content.encode(), path)
        backend = entry.get("backend") if isinstance(entry, dict) else None
        name = backend.get("filename") if isinstance(backend, dict) else None
        if isinstance(name, str) and name not in ("", "."):
            return inside("filename", name)
    return f"{path.name.split('.')[0]}_{PurePosixPath(group).name}"


def _shape(content: dict[str, Any], backend: dict[str, Any]) -> ImageSize | None:
    """Return the size from a shape (frames, height, width, channels); None if there is none."""
    shape = backend.get("shape") or content.get("shape")
    if not isinstance(shape, list) or len(shape) != 4:
        return None
    sides = shape[2], shape[1]
    is_known = all(type(side) is int and 0 < side <= LONGEST_SIDE for side in sides)
    return sides if is_known else None


def source_indices(videos: Sequence[Source], used: set[int]) -> dict[int, int]:
    """Return the index in the list of videos by the number that frames use.

    Older packages use the number in the name of the group of images, such as ``video15``.

    Args:
        videos: the list of videos.
        used: numbers that frames use.

    Example:
        >>> package = Source(["a.mp4"], is_video=True, group="video15")
        >>> source_indices([package], {15})
        {15: 0}
    """
    if used == set(range(len(videos))):
        return {number: number for number in used}
    groups = [(video.group or "").removeprefix("video") for video in videos]
    return {int(n) if n.isdecimal() else index: index for index, n in enumerate(groups)}


def embedded_image(path: Path, group: str, row: int, is_swapped: bool) -> bytes:
    """Return an image of a package as the content of an image file.

    Args:
        path: the package.
        group: name of the group of images in it.
        row: row of the image.
        is_swapped: whether red and blue are swapped where the package does not say.

    Raises:
        DataError: there is no image of 8 bits.
    """
    with open_hdf5(path) as file:
        name = f"{group}/video"
        data = np.asarray(file.row(name, row))
        kind = file.attribute(name, "format")
        order = file.attribute(name, "channel_order") or ("BGR" if is_swapped else "RGB")
    if kind in (None, "hdf5"):
        if data.ndim != 3 or data.dtype != np.uint8 or data.shape[2] not in (1, 3):
            raise DataError(f"{path}: image {row} of {group} is not an 8-bit image; {AGAIN}")
        return encode_image(np.broadcast_to(data, (*data.shape[:2], 3)), ".png")
    content = data.tobytes().rstrip(b"\0")
    if order == "BGR":  # stored with red and blue swapped
        return encode_image(cv2.cvtColor(decode_rgb(content, path), cv2.COLOR_BGR2RGB), ".png")
    return content
