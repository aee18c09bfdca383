"""The parts of the training images that validation takes, and that are trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fidip.core.errors import ArgumentError
from fidip.core.types import Annotation


def split_validation(
    people: Sequence[Annotation], fraction: float, seed: int
) -> tuple[list[Annotation], list[Annotation]]:
    """Cut a validation part from training data, by image.

    Where images tell their domain only real ones are taken: they are the target domain, and what
    a network does on synthetic images says little about it. Otherwise any image is.

    Args:
        people: the training data.
        fraction: of the images in question, rounded, but at least one; 0 for no validation.
        seed: the same seed cuts the same images.

    Returns:
        The people to train on, and those to validate on.

    Raises:
        ConfigError: nothing of the images in question would be left for training.
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
    people: Sequence[Annotation], real: int | None, synthetic: int | None, seed: int
) -> list[Annotation]:
    """Keep a number of real and of synthetic images, drawn at random.

    With one seed, a smaller number keeps a part of what a larger one keeps.

    Args:
        people: what is left to train on.
        real: how many real images to keep; None for all.
        synthetic: how many synthetic images to keep; None for all.
        seed: of the draw.

    Raises:
        ConfigError: there are not as many, images do not tell their domain, or none is left.
    """
    numbers = {False: ("real_images", real), True: ("synthetic_images", synthetic)}
    for is_synthetic, (key, number) in numbers.items():
        if number is None:
            continue
        ids = sorted({a.image_id for a in people if a.is_synthetic is is_synthetic})
        if not 0 <= number <= len(ids):
            raise ArgumentError(
                key,
                number,
                f"expected 0 to {len(ids)}, the images left after the validation split that have "
                "is_synthetic; null uses all",
            )
        kept = set(np.random.default_rng(seed).permutation(ids)[:number].tolist())
        people = [a for a in people if a.is_synthetic is not is_synthetic or a.image_id in kept]
    if not people:
        raise ArgumentError(
            "real_images",
            real,
            f"leaves no images to train on with synthetic_images={synthetic}; expected at least one",
        )
    return list(people)
