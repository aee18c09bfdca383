"""Selection of validation and training images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fidip.core.errors import ArgumentError
from fidip.core.people import Annotation


def split_validation(
    people: Sequence[Annotation], fraction: float, seed: int
) -> tuple[list[Annotation], list[Annotation]]:
    """Split people into a training and a validation part, by image.

    If images have a domain, only real images are taken, because they are the target domain and the
    performance on synthetic images says little about it. Otherwise any image may be taken.

    Args:
        people: the people of the training split.
        fraction: fraction of the candidate images, rounded, at least one image; 0 for no
            validation.
        seed: seed of the choice.

    Returns:
        The people to train on, and the people to validate on.

    Raises:
        ArgumentError: no candidate image would be left for training.
    """
    if fraction == 0:
        return list(people), []
    real = {a.image_id for a in people if a.is_synthetic is False}
    candidates = np.array(sorted(real or {a.image_id for a in people}))
    count = max(1, round(fraction * len(candidates)))
    if fraction < 0 or count >= len(candidates):
        raise ArgumentError(
            "val_fraction",
            fraction,
            f"takes {count} of {len(candidates)} images for validation; expected at least 0, and "
            "images left for training",
        )
    order = np.random.default_rng(seed).permutation(candidates)
    chosen = set(order[:count].tolist())
    train = [a for a in people if a.image_id not in chosen]
    return train, [a for a in people if a.image_id in chosen]


def take_images(
    people: Sequence[Annotation],
    real: int | None,
    synthetic: int | None,
    seed: int,
    may_be_empty: bool = False,
) -> list[Annotation]:
    """Keep a random subset of the real and of the synthetic images.

    With the same seed, a smaller subset is contained in a larger one.

    Args:
        people: the people left after the validation split.
        real: number of real images to keep; None for all.
        synthetic: number of synthetic images to keep; None for all.
        seed: seed of the choice.
        may_be_empty: whether no image needs to be left.

    Returns:
        The people of the images that are kept.

    Raises:
        ArgumentError: there are fewer images, images have no domain, or no image is left.
    """
    numbers = {False: ("real_images", real), True: ("synthetic_images", synthetic)}
    for is_synthetic, (key, number) in numbers.items():
        if number is None:
            continue
        ids = images_of(people, is_synthetic)
        if not 0 <= number <= len(ids):
            raise ArgumentError(
                key,
                number,
                f"expected 0 to {len(ids)}, the images left after the validation split that have "
                "is_synthetic; null uses all",
            )
        kept = set(np.random.default_rng(seed).permutation(ids)[:number].tolist())
        people = [a for a in people if a.is_synthetic is not is_synthetic or a.image_id in kept]
    if not people and not may_be_empty:
        raise ArgumentError(
            "real_images",
            real,
            f"leaves no images to train on with synthetic_images={synthetic}; expected at least "
            "one",
        )
    return list(people)


def withhold_labels(
    people: Sequence[Annotation],
    boxes: Sequence[Annotation],
    number: int,
    real: int | None,
    seed: int,
) -> tuple[list[Annotation], list[Annotation]]:
    """Divide the people of a split into those that keep their labels and those that lose them.

    Synthetic images keep their labels. The real images are drawn as by ``take_images``: with the
    same seed, those that keep their labels are among those of a larger number.

    Args:
        people: the labelled people of the training split.
        boxes: all people of the training split, without keypoints.
        number: number of real images that keep their labels, of those with labelled people.
        real: number of these images to use, with and without labels; None for all real images.
        seed: seed of the choice.

    Returns:
        The people to learn from with their labels, and those without.

    Raises:
        ArgumentError: there are fewer real images, or none, or an image does not say whether it is
            synthetic.
    """
    unknown = {a.image_id for a in (*people, *boxes) if a.is_synthetic is None}
    if unknown:
        raise ArgumentError(
            "target_labels",
            number,
            f"{len(unknown)} image(s) of the training split have no is_synthetic, such as id "
            f"{min(unknown)}; expected true or false for each, so that none keeps its labels by "
            "mistake. Add is_synthetic to the images, or use all labels with null",
        )
    ids = images_of(people, is_synthetic=False)
    used = images_of(boxes, is_synthetic=False)
    if real is not None:
        ids = used = images_of(take_images(people, real, None, seed), is_synthetic=False)
    if not used:
        raise ArgumentError(
            "target_labels",
            number,
            "the training split has no image with is_synthetic false to use; expected at least one "
            "real image. Add is_synthetic to the images, or use all labels with null",
        )
    if not 0 <= number <= len(ids):
        raise ArgumentError(
            "target_labels",
            number,
            f"the training split has {len(ids)} real images (is_synthetic false) with labels; "
            f"expected 0 to {len(ids)}, or null for all",
        )
    kept = set(images_of(take_images(people, number, None, seed, may_be_empty=True), False))
    labelled = [a for a in people if a.is_synthetic is not False or a.image_id in kept]
    withheld = set(used) - kept
    return labelled, [a for a in boxes if a.image_id in withheld]


def images_of(people: Sequence[Annotation], is_synthetic: bool) -> list[int]:
    """Return the sorted ids of the images of a domain.

    Args:
        people: the people of a split.
        is_synthetic: the domain.
    """
    return sorted({a.image_id for a in people if a.is_synthetic is is_synthetic})
