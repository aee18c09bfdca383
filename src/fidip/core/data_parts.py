"""Kinds of training data: what adaptation methods need and data modules deliver."""

from __future__ import annotations

from enum import Enum

_DOMAINS = (
    "choose data.train_split, data.synthetic_images and data.real_images so that images with "
    "is_synthetic true and false are left, and none without is_synthetic"
)


class DataPart(Enum):
    """One kind of training data.

    Attributes:
        title: its name in messages.
        hint: what to set so that it is delivered.
    """

    LABELLED_SOURCE = ("labelled synthetic images", _DOMAINS)
    LABELLED_TARGET = ("labelled real images", _DOMAINS)
    UNLABELLED_TARGET = ("unlabelled real images", "no data module of fidip has them yet")
    REPLAY = (
        "images of the pretraining domain",
        "data.replay_split=null; give the name of a split, such as train_adult",
    )

    def __init__(self, title: str, hint: str) -> None:
        self.title = title
        self.hint = hint
