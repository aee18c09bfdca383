"""Missed and redundant detections by video.

Gama et al. (Behavior Research Methods 2025) study them for videos of infants.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from fidip.core.arrays import Ints
from fidip.core.people import ImageInfo, People, require_people


def count_detections(image_ids: Ints, people: People) -> dict[str, dict[str, int]]:
    """Count frames without a detection, and detections beyond one per person, by video.

    Images that belong to no video are not counted. People without labels are people, too. How many
    people a crowd has is unknown, so no detection in its frame counts as redundant.

    Args:
        image_ids: (N,) ids of the images of the detections.
        people: labelled people and all images.

    Returns:
        By name of the video, in the order of the images: the number of ``frames``, ``people`` and
        ``predictions`` in them; ``missed``, the number of frames with a person and without a
        detection; and ``redundant``, the number of detections beyond one per person, summed over
        the frames. Empty if no image belongs to a video.

    Raises:
        TypeError: ``people`` is a plain sequence of annotations.

    Example:
        >>> import numpy as np
        >>> from pathlib import Path
        >>> from fidip.core.people import Annotation
        >>> frames = [ImageInfo(i, f"{i}.jpg", Path(), (9, 9), video="a.mp4") for i in range(3)]
        >>> box, keypoints = np.array([0.0, 0.0, 9.0, 9.0]), np.full((17, 3), 2.0)
        >>> people = [Annotation(i, i, Path(), (9, 9), box, 81.0, keypoints) for i in range(3)]
        >>> count_detections(np.array([0, 0, 2]), People(people, [], frames))["a.mp4"]
        {'frames': 3, 'people': 3, 'predictions': 3, 'missed': 1, 'redundant': 1}
    """
    videos: dict[str, list[ImageInfo]] = {}
    for image in require_people(people).images:
        if image.video is not None:
            videos.setdefault(image.video, []).append(image)
    everyone = [*people.labelled, *people.others]
    crowded = {a.image_id for a in everyone if a.is_crowd}
    persons = Counter(a.image_id for a in everyone if not a.is_crowd)
    found = Counter(image_ids.tolist())
    return {name: _count(frames, persons, found, crowded) for name, frames in videos.items()}


def _count(
    frames: Iterable[ImageInfo], persons: Counter[int], found: Counter[int], crowded: set[int]
) -> dict[str, int]:
    counts = {"frames": 0, "people": 0, "predictions": 0, "missed": 0, "redundant": 0}
    for frame in frames:
        present, detected = persons[frame.id], found[frame.id]
        counts["frames"] += 1
        counts["people"] += present
        counts["predictions"] += detected
        counts["missed"] += int(present > 0 and detected == 0)
        if frame.id not in crowded:
            counts["redundant"] += max(detected - present, 0)
    return counts
