"""Validation of a dataset: counts and problems of every split.

All problems are collected; none ends the validation. A finding is ``refused`` if training or
testing on the split would end with an error.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fidip.core.errors import DataError
from fidip.core.people import Annotation, ImageInfo
from fidip.core.progress import Progress, reported, silent
from fidip.core.skeleton import COCO17, EARS, EYES, HIPS, SHOULDERS
from fidip.data.annotation_records import UNLABELLED
from fidip.data.annotations import AnnotationFile, inspect_annotations
from fidip.data.dataset import decode_image
from fidip.data.layout import find_split
from fidip.data.leakage import image_hash
from fidip.io.json import read_bytes
from fidip.metrics import area_source

THREADS = 2
"""Threads that decode images; OpenCV releases the interpreter lock while decoding."""
BORDER_TOLERANCE = 1.0
"""Tolerance in px of labels outside of their image, for labels on the border."""
SAME_WAY = ((EYES, EARS), (SHOULDERS, HIPS))
"""(left, right) joints of eyes and ears, and of shoulders and hips, which hardly rotate apart."""
WIDE = 1.5
"""Minimum distance of left and right, in multiples of the labelling noise; less is a side view."""


@dataclass(frozen=True)
class Finding:
    """Property of a split that the user should know.

    Attributes:
        kind: short description.
        cases: all places where it occurs.
        refused: training or testing on the split ends with an error because of it.
    """

    kind: str
    cases: Sequence[str]
    refused: bool = False


@dataclass(frozen=True)
class ImageCheck:
    """Check of one image file: its hash if it can be read, and its problem if there is one."""

    image: ImageInfo
    hash: str | None
    problem: str | None


@dataclass(frozen=True)
class Examination:
    """Result of the validation of a split.

    Attributes:
        name: name of the split.
        images: number of images by domain: real, synthetic, unknown.
        people: number of people with a labelled joint and a usable box.
        postures: number of images by posture label, if there are any.
        areas: kind of the labelled areas, see ``fidip.metrics.area_source``.
        skipped: number of records that do not become samples, by reason.
        findings: refused ones first.
        hashes: path of an image by content hash.
    """

    name: str
    images: Mapping[str, int] = field(default_factory=dict)
    people: int = 0
    postures: Mapping[str, int] = field(default_factory=dict)
    areas: str = ""
    skipped: Mapping[str, int] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    hashes: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Overlap:
    """Images that two splits share, by content.

    Attributes:
        first: name of one split.
        second: name of the other split.
        images: paths of the images in the first split.
        refused: training refuses this overlap.
    """

    first: str
    second: str
    images: Sequence[str]
    refused: bool


def examine_split(
    root: Path, name: str, progress: Progress = silent, skip_unusable: bool = False
) -> Examination:
    """Validate all records and images of a split.

    Args:
        root: folder of the dataset.
        name: name of the split.
        progress: receives the number of checked images, with the split as the stage.
        skip_unusable: as for ``fidip.data.read_annotations``.

    Returns:
        The counts and findings.
    """
    try:
        split = find_split(root, name)
        file = inspect_annotations(split.json, *split.image_dirs, skip_unusable=skip_unusable)
    except DataError as error:
        return Examination(name, findings=[Finding("unusable annotations", [str(error)], True)])
    people = file.people
    images = [image for image in people.images if not image.is_in_video]
    with ThreadPoolExecutor(THREADS) as pool:
        checks = list(reported(pool.map(_check, images), name, len(images), progress))
    findings = [*_broken(file, checks), *_odd(file, checks)]
    return Examination(
        name=name,
        images=Counter(map(_domain, people.images)),
        people=len(people),
        postures=Counter(i.posture for i in people.images if i.posture is not None),
        areas=area_source(people) if people else "",
        skipped=file.skipped,
        findings=[finding for finding in findings if finding.cases],
        hashes={check.hash: check.image.path for check in checks if check.hash},
    )


def find_overlaps(
    examinations: Sequence[Examination], trained: Sequence[str], tested: str
) -> list[Overlap]:
    """Return the pairs of splits that share images.

    Args:
        examinations: the validated splits.
        trained: names of the splits used for training.
        tested: name of the split used for testing.

    Returns:
        One overlap per pair of splits with common images.
    """
    overlaps = []
    for a, b in combinations(examinations, 2):
        common = [str(path) for hash_, path in a.hashes.items() if hash_ in b.hashes]
        refused = any(x.name in trained and y.name == tested for x, y in ((a, b), (b, a)))
        if common:
            overlaps.append(Overlap(a.name, b.name, common, refused))
    return overlaps


def swapped_parts(keypoints: NDArray[np.float64], area: float) -> bool:
    """Return whether left and right of the eyes or ears, or of the shoulders or hips, seem swapped.

    In any view, the vectors from right to left of eyes and ears point in a similar direction, and
    so do those of shoulders and hips. An angle of more than 120 degrees between them suggests that
    one pair is swapped, or an extreme twist of the body. Pairs closer than ``WIDE`` times the
    labelling noise, OKS sigma times the square root of the area, are seen from the side and not
    tested.

    Other combinations are not tested, because heads turn relative to shoulders and legs cross.

    Args:
        keypoints: (17, 3) x and y in image px, and visibility.
        area: area of the person in px².
    """
    return any(_opposed(keypoints, area, *pairs) for pairs in SAME_WAY)


def _opposed(
    keypoints: NDArray[np.float64], area: float, upper: Sequence[int], lower: Sequence[int]
) -> bool:
    if not keypoints[[*upper, *lower], 2].all():
        return False
    across = [keypoints[left, :2] - keypoints[right, :2] for left, right in (upper, lower)]
    lengths = [float(np.linalg.norm(vector)) for vector in across]
    noise = [COCO17.sigmas[left] * max(area, 0) ** 0.5 for left, _ in (upper, lower)]
    wide = all(length > WIDE * n for length, n in zip(lengths, noise, strict=True))
    return wide and float(across[0] @ across[1]) < -0.5 * lengths[0] * lengths[1]


def _check(image: ImageInfo) -> ImageCheck:
    try:
        data = read_bytes(image.path)
    except DataError as error:
        return ImageCheck(image, None, str(error))
    try:
        decode_image(data, image.path, image.wh)
    except DataError as error:
        return ImageCheck(image, image_hash(data), str(error))
    return ImageCheck(image, image_hash(data), None)


def _domain(image: ImageInfo) -> str:
    return {True: "synthetic", False: "real", None: "unknown"}[image.is_synthetic]


def _broken(file: AnnotationFile, checks: Sequence[ImageCheck]) -> Iterator[Finding]:
    """Yield the findings that make training fail."""
    for problem in file.problems:
        yield Finding(problem.kind, problem.cases, refused=True)
    if not file.people:
        yield Finding("no person with a labelled joint", [str(file)], refused=True)
    told = {case for problem in file.problems for case in problem.cases}
    used = {person.image_id for person in file.people}
    bad = [check for check in checks if check.problem and str(check.image.path) not in told]
    needed = [str(check.problem) for check in bad if check.image.id in used]
    others = [str(check.problem) for check in bad if check.image.id not in used]
    yield Finding("unreadable images", needed, refused=True)
    videos = dict.fromkeys(image.file_name for image in file.people.images if image.is_in_video)
    yield Finding("videos without image files of their frames", list(videos), refused=True)
    yield Finding("missing or unreadable images without people", others)


def _odd(file: AnnotationFile, checks: Sequence[ImageCheck]) -> Iterator[Finding]:
    """Yield the findings that training accepts."""
    people, used = file.people, {person.image_id for person in file.people}
    empty = [image for image in people.images if image.id not in used]
    unlabelled = [a for a in people.others if not a.is_crowd and not a.keypoints[:, 2].any()]
    domains = {image.is_synthetic for image in people.images}
    untold = [image for image in people.images if image.is_synthetic is None and len(domains) > 1]
    swapped = [a for a in people if swapped_parts(a.keypoints, a.area)]
    yield Finding("images with the same content", _duplicates(checks))
    yield Finding("images without is_synthetic, which others have", _paths(untold))
    yield Finding("images without a labelled person", _paths(empty))
    yield Finding(f"annotations {UNLABELLED}", _names(unlabelled))
    yield Finding("boxes that reach out of their image", _names(filter(_box_outside, people)))
    yield Finding("joints outside of their image", _names(filter(_joints_outside, people)))
    yield Finding("left and right perhaps exchanged", _names(swapped))


def _duplicates(checks: Sequence[ImageCheck]) -> list[str]:
    same: dict[str, list[str]] = defaultdict(list)
    for check in checks:
        if check.hash:
            same[check.hash].append(str(check.image.path))
    return [" = ".join(paths) for paths in same.values() if len(paths) > 1]


def _box_outside(person: Annotation) -> bool:
    left, top, width, height = person.box_xywh
    far = (left + width - person.image_wh[0], top + height - person.image_wh[1], -left, -top)
    return bool(max(far) > BORDER_TOLERANCE)


def _joints_outside(person: Annotation) -> bool:
    xy = person.keypoints[person.keypoints[:, 2] > 0, :2]
    last = np.array(person.image_wh) - 1
    return bool((xy < -BORDER_TOLERANCE).any() or (xy > last + BORDER_TOLERANCE).any())


def _paths(images: Iterable[ImageInfo]) -> list[str]:
    return [str(image.path) for image in images]


def _names(people: Iterable[Annotation]) -> list[str]:
    return [f"annotation {person.id} of {person.image_path}" for person in people]
