"""Labels of video frames: which video and which subject each labelled frame is of."""

from __future__ import annotations

import difflib
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fidip.core.errors import DataError, shown
from fidip.core.people import Annotation, ImageInfo, People
from fidip.data.annotation_checks import require_image_files
from fidip.data.annotation_records import PREDICTED
from fidip.data.annotations import AnnotationFile, inspect_annotations, read_annotations
from fidip.data.label_store import NAME, label_file
from fidip.io.coco import PRE_ANNOTATIONS, PREFIX
from fidip.io.images import decode_rgb
from fidip.io.json import read_bytes, read_object
from fidip.metrics.oks import instance_oks

FRAME_NAME = re.compile(r"(?P<video>.+)_(?P<frame>\d{6,})")
"""Name of a frame's image without its suffix, as ``fidip frames`` writes it."""
SIMILAR = 0.5
"""Similarity of names from which a message suggests one."""
SAME = 0.5
"""OKS above which two labels of an image are of the same person."""


@dataclass(frozen=True)
class LabelledFrame:
    """Labelled frame of a video.

    Attributes:
        image_id: id of its image in the label file.
        video: name of the video.
        subject: name of the subject.
    """

    image_id: int
    video: str
    subject: str


@dataclass(frozen=True)
class VideoLabels:
    """Labels of frames of videos.

    Attributes:
        file: the label file.
        people: the labelled people, and the images that have any.
        frames: the labelled frames, one for each image, by video and frame.
        subjects: subject of every video, also of those without labels.
    """

    file: Path
    people: People
    frames: Sequence[LabelledFrame]
    subjects: Mapping[str, str]


def read_video_labels(path: Path, videos: Mapping[str, str], pattern: str | None) -> VideoLabels:
    """Read a label file, and find the video and the subject of each labelled frame.

    A label file of ``fidip frames`` names the videos and their subjects. Other files are matched by
    the names of their images, ``VIDEO_FRAME.jpg``.

    Args:
        path: label file in COCO's layout, with its images beside it or where datasets have them;
            or the folder of both, as ``fidip app label=`` takes it.
        videos: subject by name of every video, as the names of the files tell it.
        pattern: the regular expression that gave the subjects; None if folders and names of files
            did, over which the subjects in the label file take precedence.

    Returns:
        The labels.

    Raises:
        DataError: the file is missing or malformed, has labels of another skeleton or none that a
            person has confirmed, an image is damaged or another one than that was labelled, a video
            is not there, a person is labelled twice, or the subjects of the videos contradict.
    """
    file, folders = label_file(path, "labels")
    _require_file(path, file)
    _require_confirmed(inspect_annotations(file, *folders))
    people = read_annotations(file, *folders).people
    people = people.on_images({person.image_id for person in people})
    require_image_files(file, people)
    _require_labelled_images(file, people.images)
    of_image = _videos_of(file, people.images, videos)
    _require_one_label_each(file, people, of_image)
    recorded = _recorded_subjects(file, of_image, list(videos))
    subjects = _subjects(file, videos, recorded, pattern)
    images = sorted(people.images, key=lambda i: (of_image[i.id], _frame_of(i) or 0, i.id))
    frames = [LabelledFrame(i.id, of_image[i.id], subjects[of_image[i.id]]) for i in images]
    return VideoLabels(file, people, frames, subjects)


def find_video_name(name: str, videos: Iterable[str]) -> list[str]:
    """Return the videos that a name can stand for: the video itself, or those that it ends like.

    Args:
        name: path of a video, with or without its suffix.
        videos: names of the videos.

    Example:
        >>> find_video_name("day1.mp4", ["anna/day1.mp4", "anna/day2.mp4"])
        ['anna/day1.mp4']
        >>> find_video_name("images/anna/day1", ["anna/day1.mp4", "ben/day1.mp4"])
        ['anna/day1.mp4']
    """
    names = {video: {video, str(PurePosixPath(video).with_suffix(""))} for video in videos}
    tests = (
        lambda known: name == known,
        lambda known: name.endswith(f"/{known}"),
        lambda known: known.endswith(f"/{name}"),
    )
    for test in tests:
        found = [video for video, known in names.items() if any(map(test, known))]
        if found:
            return found
    return []


def _require_file(path: Path, file: Path) -> None:
    """Check that a folder has a label file of a name that is known."""
    if not path.is_dir() or file.is_file():
        return
    others = sorted(each.name for each in path.glob("*.json"))
    there = f", only {', '.join(others[:2])}{' and more' * (len(others) > 2)}" if others else ""
    raise DataError(
        f"labels={shown(path)}: the folder has no {NAME}, {PRE_ANNOTATIONS} or "
        f"annotations/{PREFIX}NAME.json{there}; expected one label file. Name it with labels=FILE"
    )


def _require_labelled_images(file: Path, images: Iterable[ImageInfo]) -> None:
    """Check that the images can be decoded, and have the sizes that the label file gives."""
    for image in images:
        height, width = decode_rgb(read_bytes(image.path), image.path).shape[:2]
        if (width, height) != image.wh:
            raise DataError(
                f"{shown(file)}: {shown(image.file_name)} was labelled on {image.wh[0]}x"
                f"{image.wh[1]} px, but the image has {width}x{height} px; expected the image that "
                "was labelled. Restore it, or correct its width and height in the file"
            )


def _require_confirmed(found: AnnotationFile) -> None:
    """Check that a person has confirmed labels, if the file has predictions."""
    predicted = found.skipped[PREDICTED]
    if predicted and not found.people and not found.problems:
        raise DataError(
            f"{shown(found.path)}: all {predicted} people are predictions that no person has "
            "confirmed; expected labels. Press Enter on each frame in fidip app label="
        )


def _videos_of(
    file: Path, images: Sequence[ImageInfo], videos: Mapping[str, str]
) -> dict[int, str]:
    """Return the name of the video that each image is a frame of, by the id of the image."""
    named = {image.id: image.video or _name_in(file, image) for image in images}
    found = {name: find_video_name(name, videos) for name in dict.fromkeys(named.values())}
    for image in images:
        name = named[image.id]
        if len(found[name]) > 1:
            raise DataError(
                f"{shown(file)}: the video {shown(name)} of image {shown(image.file_name)} can be "
                f"{found[name][0]} or {found[name][1]}; expected one. Write its name with its "
                "folder"
            )
        if not found[name]:
            used = {video for each in found.values() for video in each}
            raise _missing(file, name, [video for video in videos if video not in used])
    return {image_id: found[name][0] for image_id, name in named.items()}


def _name_in(file: Path, image: ImageInfo) -> str:
    """Return the name of a video in the name of a frame's image."""
    match = FRAME_NAME.fullmatch(str(PurePosixPath(image.file_name).with_suffix("")))
    if match is None:
        raise DataError(
            f"{shown(file)}: image {shown(image.file_name)} names no video; expected video_id, as "
            "fidip frames writes it, or a name such as VIDEO_000123.jpg. Label frames of fidip "
            "frames"
        )
    return match["video"]


def _missing(file: Path, name: str, others: Sequence[str]) -> DataError:
    """Return the error about a video that is not there, with the most similar of the others."""
    by_name = {video: video for video in others} | {Path(video).name: video for video in others}
    close = [
        by_name[match]
        for given in (name, PurePosixPath(name).name)
        for match in difflib.get_close_matches(given, list(by_name)[:10_000], 1, SIMILAR)
    ]
    near = f", the most similar name without labels is {close[0]}" if close else ""
    return DataError(
        f"{shown(file)}: the video {shown(name)} is not in source{near}; expected the videos that "
        "were labelled. Restore its name, or correct source="
    )


def _frame_of(image: ImageInfo) -> int | None:
    """Return the number of a frame; None if it is unknown."""
    match = FRAME_NAME.fullmatch(PurePosixPath(image.file_name).stem)
    return image.frame if image.frame is not None or match is None else int(match["frame"])


def _require_one_label_each(file: Path, people: People, of_image: Mapping[int, str]) -> None:
    """Check that no frame has two images, and that no person of a frame has two labels."""
    remedy = "expected the labels of one annotator. Remove those of the other"
    known: dict[object, ImageInfo] = {}
    for image in people.images:
        frame = _frame_of(image)
        places = [image.path, *([(of_image[image.id], frame)] if frame is not None else [])]
        other = next((known[place] for place in places if place in known), None)
        if other is not None:
            raise DataError(
                f"{shown(file)}: frame {frame} of {of_image[image.id]} is labelled twice (images "
                f"{other.id} and {image.id}, {shown(image.file_name)}); {remedy}"
            )
        known |= dict.fromkeys(places, image)
    by_image: dict[int, list[Annotation]] = defaultdict(list)
    for person in people:
        by_image[person.image_id].append(person)
    for found in by_image.values():
        for one, other_label in itertools.combinations(found, 2):
            if _is_same(one, other_label):
                raise DataError(
                    f"{shown(file)}: {shown(one.image_path.name)} has two labels of one person "
                    f"(annotations {one.id} and {other_label.id}); {remedy}"
                )


def _is_same(one: Annotation, other: Annotation) -> bool:
    """Return whether two labels are of the same person, by the joints that both have."""
    both = (one.keypoints[:, 2] > 0) & (other.keypoints[:, 2] > 0)
    if not both.any():
        return False
    return bool(instance_oks(one.keypoints[None, :, :2], [_only(other, both)])[0] > SAME)


def _only(person: Annotation, joints: NDArray[np.bool_]) -> Annotation:
    """Return a person with some of the labelled joints."""
    keypoints = person.keypoints.copy()
    keypoints[~joints] = 0
    return replace(person, keypoints=keypoints)


def _recorded_subjects(
    file: Path, of_image: Mapping[int, str], videos: Sequence[str]
) -> dict[str, str]:
    """Return the subjects that the label file gives for videos, as far as it does."""
    document = read_object(file)
    pairs = [(of_image.get(image["id"]), image.get("subject")) for image in document["images"]]
    listed = document.get("videos")
    for record in listed if isinstance(listed, list) else []:
        if not isinstance(record, dict):
            continue
        same = find_video_name(str(record.get("file_name")), videos)
        pairs += [(same[0], record.get("subject"))] if len(same) == 1 else []
    found: dict[str, str] = {}
    for video, subject in pairs:
        if video is None or not isinstance(subject, str) or not subject:
            continue
        other = found.setdefault(video, subject)
        if other != subject:
            raise DataError(
                f"{shown(file)}: the video {video} has the subjects {shown(other)} and "
                f"{shown(subject)}; expected one. Correct the file"
            )
    return found


def _subjects(
    file: Path, videos: Mapping[str, str], recorded: Mapping[str, str], pattern: str | None
) -> dict[str, str]:
    """Return the subject of every video, where file names and label file agree on who is who."""
    if pattern is None:
        differing = [video for video, name in recorded.items() if videos[video] != name]
        unknown = [video for video in videos if video not in recorded]
        if differing and unknown:
            video = differing[0]
            raise DataError(
                f"{shown(file)}: {video} is of {recorded[video]}, but its name says "
                f"{videos[video]}, so the subject of {unknown[0]} is unknown; expected names that "
                "tell the subject. Give the subject= of fidip frames"
            )
        return {**videos, **recorded}
    first: dict[str, str] = {}
    for video, name in recorded.items():
        other = first.setdefault(name, video)
        if videos[other] != videos[video]:
            raise DataError(
                f"subject={pattern}: makes {videos[other]} and {videos[video]} of the videos "
                f"{other} and {video}, which are both of {name} in {shown(file)}; expected one "
                "subject. Correct subject=, or leave it out"
            )
    return dict(videos)
