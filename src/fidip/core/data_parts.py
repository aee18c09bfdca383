"""Kinds of training data that adaptation methods need and data modules provide."""

from __future__ import annotations

from enum import Enum

_DOMAINS = (
    "choose data.train_split, data.synthetic_images and data.real_images so that images with "
    "is_synthetic true and false are left, and none without is_synthetic"
)

_UNLABELLED = (
    "give data.target_split the name of a split, data.target_images a folder of images or videos, "
    "or data.target_labels the number of real images that keep their labels, fewer than there are"
)


class DataPart(Enum):
    """Kind of training data.

    Attributes:
        title: name in messages.
        hint: settings that make the data available.
    """

    LABELLED_SOURCE = ("labelled synthetic images", _DOMAINS)
    LABELLED_TARGET = ("labelled real images", _DOMAINS)
    UNLABELLED_TARGET = ("unlabelled real images", _UNLABELLED)
    BOTH_DOMAINS = (
        "images of a source and of a target domain",
        f"either {_DOMAINS}; or {_UNLABELLED}",
    )
    TARGET = (
        "real images",
        "choose data.real_images or data.target_split so that images with is_synthetic false are "
        "left, or images without labels",
    )
    REPLAY = (
        "images of the pretraining domain",
        "data.replay_split=null; give the name of a split, such as train_adult",
    )

    def __init__(self, title: str, hint: str) -> None:
        self.title = title
        self.hint = hint
