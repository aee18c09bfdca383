"""Images of external labels: files, frames of videos, and images in label files."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fidip.core.arrays import ImageSize
from fidip.core.errors import DataError, shown
from fidip.core.geometry import box_around
from fidip.io.atomic import write_atomic
from fidip.io.depth import depth_to_grey, read_depth
from fidip.io.images import decode_rgb, encode_image, write_image
from fidip.io.json import read_bytes
from fidip.io.labels.labelled import Labelled
from fidip.io.media_files import PHOTOS, VIDEOS
from fidip.io.record_fields import box
from fidip.io.records import RecordError, listed
from fidip.io.video import Video, frames_at

UPLOADED = re.compile(r"^[0-9a-f]{8}-")
"""Prefix that Label Studio adds to the name of an uploaded file."""
FRAME_NUMBER = re.compile(r"(\d+)$|^(\d+)")
"""Number of a frame at the end of a file name without its suffix, or else at its beginning."""
SUFFIXES = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg"}
"""File suffix by the first bytes of an image."""


@dataclass(frozen=True, eq=False)
class LocatedPerson:
    """Labelled person and the image.

    Attributes:
        person: the person.
        path: path of the image.
        wh: (width, height) of the image in px.
        has_16_bits: whether the image is a PNG file with 16 bits per channel.
    """

    person: Labelled
    path: Path
    wh: ImageSize
    has_16_bits: bool


def locate(
    source: Path,
    people: Sequence[Labelled],
    folders: Sequence[Path],
    scratch: Path,
    depth: Sequence[float] | None = None,
) -> list[LocatedPerson]:
    """Find the image of each labelled person.

    Args:
        source: the label file, for messages.
        people: the labelled people.
        folders: folders to search.
        scratch: a new folder, in which frames of videos, embedded and converted images are written.
        depth: nearest and farthest depth, to convert depth images to 8 bits; None to leave images
            as they are.

    Returns:
        The people with their images.

    Raises:
        DataError: an image or video is missing or damaged, or another one than that was labelled.
        DiskError: an image cannot be written.
    """
    paths = _frame_paths(source, people, folders, scratch)
    paths |= _image_paths(source, people, folders, scratch)
    _require_different_images(source, people, paths)
    files = [paths[person.name, person.frame] for person in people]
    if depth:
        files = _shaded(files, scratch, *depth)
    return _checked(source, people, files)


def find_image(name: str, folders: Sequence[Path]) -> Path | None:
    """Find an image by its path or name in a label file.

    Args:
        name: path or URL in the label file.
        folders: folders to search.

    Returns:
        The path of the image; None if it is not found.
    """
    path = PurePosixPath(name.partition("?")[0])
    names = [
        str(path).lstrip("/"),
        "/".join(path.parts[-2:]),
        path.name,
        UPLOADED.sub("", path.name),
    ]
    found = (folder / candidate for folder in folders for candidate in names)
    return next((file for file in found if os.path.isfile(file)), None)


def find_video(name: str, folders: Sequence[Path]) -> Path | None:
    """Find a video by its path or name in a label file, with or without its suffix.

    Args:
        name: path in the label file.
        folders: folders to search.

    Returns:
        The path of the video; None if it is not found.
    """
    is_whole = PurePosixPath(name).suffix.lower() in VIDEOS
    names = [name] if is_whole else [name + suffix for suffix in sorted(VIDEOS)]
    return next(filter(None, (find_image(each, folders) for each in names)), None)


def frame_files(video: str, folders: Sequence[Path]) -> dict[int, list[Path]]:
    """Return the images of a video's frames by number, from a folder with the name of the video.

    Args:
        video: path of the video in the label file.
        folders: folders that contain the folder, or are it.
    """
    stem = _stem(video)
    found: dict[int, list[Path]] = {}
    for folder in (each if each.name == stem else each / stem for each in folders):
        for file in _entries(folder):
            number = FRAME_NUMBER.search(file.stem)
            if number and file.suffix.lower() in PHOTOS:
                found.setdefault(int(number[1] or number[2]), []).append(file)
        if found:
            break
    return found


def write_frames_of(video: Path, numbers: Set[int], folder: Path) -> dict[int, Path]:
    """Write frames of a video as PNG files.

    Args:
        video: the video.
        numbers: numbers of the frames, from 0.
        folder: folder of the files.

    Returns:
        The path of each frame.

    Raises:
        DataError: the video cannot be read, or has fewer frames.
        DiskError: a file cannot be written.
    """
    paths: dict[int, Path] = {}
    for frame in frames_at(video, numbers):
        paths[frame.index] = folder / f"{video.stem}_{frame.index:06d}.png"
        write_image(paths[frame.index], frame.image, is_synced=False)
    if len(paths) < len(numbers):
        count = sum(1 for _ in Video(video))
        raise DataError(
            f"{shown(video)}: has {count} frames, but frame {max(numbers)} is labelled, counted "
            "from 0; expected the video that was labelled"
        )
    return paths


Key = tuple[str, int | None]
"""Name of an image, or of a video and a frame."""


def _frame_paths(
    source: Path, people: Sequence[Labelled], folders: Sequence[Path], scratch: Path
) -> dict[Key, Path]:
    """Return the images of people in frames of videos."""
    paths: dict[Key, Path] = {}
    wanted: dict[str, set[int]] = {}
    for person in people:
        if person.frame is None or (person.name, person.frame) in paths:
            continue
        if person.embedded is None:
            wanted.setdefault(person.name, set()).add(person.frame)
        else:
            number = len({name for name, _ in paths})
            stem = f"{_stem(person.name)}_{person.frame:06d}"
            paths[person.name, person.frame] = _embedded(
                source, person, scratch / f"embedded{number}" / stem
            )
    for number, (name, frames) in enumerate(wanted.items()):
        found = _frames_of(source, name, frames, folders, scratch / f"video{number}")
        paths |= {(name, frame): path for frame, path in found.items()}
    return paths


def _frames_of(
    source: Path, name: str, frames: Set[int], folders: Sequence[Path], scratch: Path
) -> dict[int, Path]:
    """Return the images of the frames of a video: images of them, or else those of the video."""
    files = frame_files(name, folders)
    if not files:
        video = find_video(name, folders)
        if video is None:
            raise DataError(
                f"{source}: the video {name} of {len(frames)} labelled frames is missing, and so "
                f"is a folder {_stem(name)} with its frames{_similar(name, folders, VIDEOS)}; give "
                "their folder with images=DIR, or give the video the name in the label file"
            )
        return write_frames_of(video, frames, scratch)
    missing = sorted(frame for frame in frames if frame not in files)
    if missing:
        raise DataError(
            f"{source}: {len(missing)} of {len(frames)} frames of {name} are missing (the first: "
            f"{missing[0]}); expected images that end in their numbers in a folder {_stem(name)}"
        )
    twice = next((frame for frame in sorted(frames) if len(files[frame]) > 1), None)
    if twice is not None:
        raise DataError(
            f"{source}: frame {twice} of {name} has {len(files[twice])} images, "
            f"{files[twice][0].name} and {files[twice][1].name}; expected one. Remove the other, "
            "or name the images in the labels"
        )
    return {frame: files[frame][0] for frame in frames}


def _image_paths(
    source: Path, people: Sequence[Labelled], folders: Sequence[Path], scratch: Path
) -> dict[Key, Path]:
    """Return the images of people in images; embedded ones only where there is no file."""
    paths: dict[Key, Path] = {}
    missing = []
    photos = [person for person in people if person.frame is None]
    for person in photos:
        if (person.name, None) in paths:
            continue
        path = find_image(person.name, folders)
        if path is None and person.embedded is not None:
            place = scratch / f"image{len(paths)}" / PurePosixPath(person.name).stem
            path = _embedded(source, person, place)
        if path is None:
            missing.append(person.name)
        else:
            paths[person.name, None] = path
    if missing:
        raise DataError(
            f"{source}: {len(missing)} of {len(photos)} images are missing (the first: "
            f"{missing[0]}{_similar(missing[0], folders, PHOTOS)}); give their folder with "
            "images=DIR"
        )
    return paths


def _embedded(source: Path, person: Labelled, place: Path) -> Path:
    """Write the image in a label file to a path without suffix; return the path with it."""
    data = person.embedded() if person.embedded else b""
    suffix = next((suffix for start, suffix in SUFFIXES.items() if data.startswith(start)), None)
    if suffix is None:
        data, suffix = encode_image(decode_rgb(data, source), ".png"), ".png"
    path = place.with_name(place.name + suffix)
    write_atomic(path, lambda file: file.write(data), is_synced=False)
    return path


def _similar(name: str, folders: Sequence[Path], suffixes: Set[str]) -> str:
    """Return which file has a similar name, for a message; empty if there is none."""
    names = [
        file.name
        for folder in folders
        for file in _entries(folder)
        if file.suffix.lower() in suffixes
    ]
    close = difflib.get_close_matches(PurePosixPath(name).name, names[:10_000], 1)
    return f"; similar: {close[0]}" if close else ""


def _require_different_images(
    source: Path, people: Sequence[Labelled], paths: Mapping[Key, Path]
) -> None:
    """Check that labels of different images are not of one file."""
    names: dict[Path, Key] = {}
    for person in people:
        key = person.name, person.frame
        other = names.setdefault(paths[key], key)
        if other != key:
            raise DataError(
                f"{source}: {other[0]} and {key[0]} are both found as {shown(paths[key])}; "
                "expected an image for each. Restore their folders, or rename one in the label file"
            )


def _shaded(files: Sequence[Path], scratch: Path, near: float, far: float) -> list[Path]:
    """Write depth images with 8 bits, in folders of the same names."""
    folders = {parent: number for number, parent in enumerate({path.parent for path in files})}
    copies: dict[Path, Path] = {}
    for path in files:
        if path not in copies:
            name = path.name if path.suffix.lower() == ".png" else f"{path.name}.png"
            folder = scratch / f"depth{folders[path.parent]}" / path.parent.name
            copies[path] = folder / name
            write_image(copies[path], depth_to_grey(read_depth(path), near, far), is_synced=False)
    return [copies[path] for path in files]


def _checked(
    source: Path, people: Sequence[Labelled], files: Sequence[Path]
) -> list[LocatedPerson]:
    """Decode the images, and check that the labels fit them."""
    known: dict[Path, tuple[ImageSize, bool]] = {}
    found, problems = [], []
    for person, path in zip(people, files, strict=True):
        if path not in known:
            data = read_bytes(path)
            height, width = decode_rgb(data, path).shape[:2]
            known[path] = (width, height), data.startswith(b"\x89PNG") and data[24:25] == b"\x10"
        wh, has_16_bits = known[path]
        try:
            _check_fit(person, path, wh)
            found.append(LocatedPerson(person, path, wh, has_16_bits))
        except RecordError as problem:
            what = person.name if person.frame is None else f"{person.name} {person.frame}"
            problems.append(f"{what} {problem}")
    if problems:
        raise DataError(
            f"{source}: {listed(problems)}; expected the images that were labelled. Correct the "
            "file, or give their folder with images=DIR"
        )
    return found


def _check_fit(person: Labelled, path: Path, wh: ImageSize) -> None:
    if person.image_wh not in (None, wh):
        labelled, found = ("x".join(map(str, size or ())) for size in (person.image_wh, wh))
        raise RecordError(f"was labelled on {labelled} px, but {shown(path)} has {found} px")
    if person.keypoints[:, 2].any() and not person.is_predicted:
        bbox = person.box_xywh if person.box_xywh is not None else box_around(person.keypoints)
        box({"bbox": bbox.tolist()}, wh)


def _entries(folder: Path) -> list[Path]:
    """Return the sorted files of a folder; none if it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _stem(name: str) -> str:
    """Return the name of a video without its folder and suffix."""
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in VIDEOS else path.name
