"""The part of the training images that validation takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fidip.errors import ConfigError
from fidip.types import Annotation


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
        raise ConfigError(
            f"data.val_fraction={fraction} takes {count} of {len(candidates)} images for "
            "validation; expected at least 0, and something left for training"
        )
    order = np.random.default_rng(seed).permutation(candidates)
    chosen = set(order[:count].tolist())
    train = [a for a in people if a.image_id not in chosen]
    return train, [a for a in people if a.image_id in chosen]
