"""Cover and lying on the side of people, from the 3D labels of rendered images."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from fidip.core.errors import DataError, reason
from fidip.core.people import Annotation, People
from fidip.core.skeleton import ANKLES, COCO17, HIPS, KNEES

LABELS3D = "labels3d"
"""Folder of the 3D labels beside the annotations: ``labels3d/SPLIT/IMAGE.npz``."""
OBJECT = 2
"""Number of an object in ``occluder``, which says what hides each keypoint."""
SIDE_POSTURE = "side"
"""Name of the posture of people who lie on their side."""
LEGS = [*HIPS, *KNEES, *ANKLES]
COVERED_JOINTS = 2
"""Joints of the legs that objects hide if a blanket covers a person."""


def with_rendered_labels(people: People, folder: Path) -> People:
    """Add cover and lying on the side from 3D labels.

    A person is covered if objects, such as a blanket, hide at least ``COVERED_JOINTS`` of hips,
    knees and ankles. Values of cover in the annotation file have precedence.

    Args:
        people: labelled people.
        folder: folder with an npz for each image that has one person, which may not exist.

    Returns:
        The people; unchanged where there is no npz.

    Raises:
        DataError: a file cannot be read, or does not have the layout of rendered labels.

    Example:
        >>> len(with_rendered_labels(People([], [], []), Path("nowhere")))
        0
    """
    if not os.path.isdir(folder):
        return people
    count = Counter(a.image_id for a in (*people.labelled, *people.others))
    labelled = [
        _with_labels(a, folder / f"{a.image_path.stem}.npz") if count[a.image_id] == 1 else a
        for a in people.labelled
    ]
    return replace(people, labelled=labelled)


def _with_labels(person: Annotation, file: Path) -> Annotation:
    if not os.path.isfile(file):
        return person
    is_covered, is_side_lying = _read(file)
    return replace(
        person,
        is_covered=is_covered if person.is_covered is None else person.is_covered,
        is_side_lying=True if is_side_lying else person.is_side_lying,
    )


def _read(file: Path) -> tuple[bool, bool]:
    """Return whether the person is covered, and whether it lies on its side."""
    try:
        with np.load(file, allow_pickle=False) as content:
            occluder, posture = content["occluder"], content["posture"]
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, zlib.error) as error:
        why = reason(error)
        raise DataError(
            f"{file}: cannot be read ({why}); expected 3D labels of fidip synthesize. Render the "
            f"dataset again, or remove the folder {LABELS3D}"
        ) from error
    if occluder.shape != (len(COCO17),) or posture.shape != ():
        raise DataError(
            f"{file}: occluder and posture have the shapes {occluder.shape} and {posture.shape}; "
            f"expected ({len(COCO17)},) and (). Render the dataset again, or remove the folder "
            f"{LABELS3D}"
        )
    return int((occluder[LEGS] == OBJECT).sum()) >= COVERED_JOINTS, str(posture) == SIDE_POSTURE
