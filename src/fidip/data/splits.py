"""Which parts a data set has, and the part of training that validation takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fidip.errors import ConfigError, DataError, DatasetMissingError
from fidip.types import Annotation


def require_split(root: Path, json_file: Path) -> None:
    """Check that a data set, and this annotation file of it, is there.

    Raises:
        DatasetMissingError: there is no data set; says how to come by one.
        DataError: there is one, with other splits.
    """
    if json_file.is_file():
        return
    there = sorted(file.name for file in json_file.parent.glob("person_keypoints_*.json"))
    if there:
        raise DataError(
            f"{json_file}: no such file; there are {', '.join(there)}; set data.train_split, "
            "data.test_split and data.domain_split to what follows person_keypoints_"
        )
    raise DatasetMissingError(
        f"data.root={root}: no data set there (no {json_file.relative_to(root)}); SyRIP is had on "
        "request from its authors, Northeastern University's Augmented Cognition Lab "
        "(https://coe.northeastern.edu/Research/AClab/SyRIP/), and belongs into "
        f"{root}/annotations and {root}/images; a free stand-in: fidip synthesize preset=demo "
        f"out={root}"
    )


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
