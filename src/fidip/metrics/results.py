"""Results of a test: the content of ``results.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

SCHEMA_VERSION = 2
"""Version of the fields below. Files of fidip 0.1 have no version and count as version 1."""
GROUND_TRUTH = "ground truth"
"""Source of the boxes of labelled people."""
FORMER_RESULT_KEYS = {"contaminated": "leaked_images", "human": "second_annotator"}
"""Current keys by key of version 1."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """Scores of the predictions of one test.

    Fractions are in [0, 1]; None means not available.

    Attributes:
        experiment: name of the experiment; empty for predictions that are not of a run.
        group: group of experiments in W&B.
        seed: seed of the run.
        split: split that was tested on.
        minutes: training time in minutes.
        updates: number of updates of the network.
        box_source: source of the boxes, such as ``GROUND_TRUTH``.
        area_source: area that OKS is relative to: ``segment area`` or ``box area``.
        images, instances, predictions: numbers of images, labelled people and predicted people.
        matched: number of predictions that match a labelled person.
        metrics: the ten COCO metrics by name.
        intervals: (low, high) ends of their 95 % intervals over images.
        oks: mean OKS over labelled joints.
        pck: PCK by name, ``pck@FRACTION``.
        torso_error: mean error in torso lengths, over ``torso_count`` joints.
        body_scaled: PCKsh and mKS with intervals, and the numbers of people that have a scale and
            of people left out.
        kinds: fraction of each kind of error.
        per_joint: the same numbers, and the number of labels, by joint.
        reliability: calibration error of scores, and its bins.
        slices: number of people, AP and interval by property and value.
        videos: missed and redundant detections by video; None without videos, and for predictions
            in ground-truth boxes.
        leaked_images: number of test images among the training images; None if unknown.
        source: results on the pretraining data.
        second_annotator: agreement of a second annotator with the labels.
        schema_version: version of these fields.
    """

    experiment: str = ""
    group: str | None = None
    seed: int = 0
    split: str | None = None
    minutes: float | None = None
    updates: int | None = None
    box_source: str
    area_source: str
    images: int | None = None
    instances: int
    predictions: int | None = None
    matched: int | None = None
    metrics: Mapping[str, float | None]
    intervals: Mapping[str, Any]
    oks: float | None = None
    pck: Mapping[str, float | None] | None = None
    torso_error: float | None = None
    torso_count: int | None = None
    body_scaled: Mapping[str, Any] | None = None
    kinds: Mapping[str, float | None] | None = None
    per_joint: Mapping[str, Any] | None = None
    reliability: Mapping[str, Any] | None = None
    slices: Mapping[str, Any] | None = None
    videos: Mapping[str, Mapping[str, int]] | None = None
    leaked_images: int | None = None
    source: Mapping[str, Any] | None = None
    second_annotator: Mapping[str, Any] | None = None
    schema_version: int = SCHEMA_VERSION

    @property
    def has_diagnosis(self) -> bool:
        """Whether predictions match labelled people, so that errors can be analysed."""
        explained = (self.reliability, self.slices)
        return bool(self.per_joint and self.kinds) and None not in explained

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Results:
        """Return the results from the content of a ``results.json``.

        Args:
            content: content of this version or an earlier one; unknown keys are ignored.

        Raises:
            TypeError: a required key is missing.

        Example:
            >>> old = {"experiment": "a", "instances": 2, "box_source": "ground truth",
            ...        "area_source": "box area", "metrics": {"AP": 0.5}, "intervals": {},
            ...        "contaminated": 3}
            >>> Results.from_json(old).leaked_images
            3
        """
        current = {FORMER_RESULT_KEYS.get(key, key): value for key, value in content.items()}
        known = {f.name for f in fields(cls)} - {"schema_version"}
        return cls(**{key: value for key, value in current.items() if key in known})

    def to_json(self) -> dict[str, Any]:
        """Return the content of a ``results.json``, without fields that are not available."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        always = ("group", "leaked_images")
        return {
            "schema_version": self.schema_version,
            **{
                name: dict(value) if isinstance(value, Mapping) else value
                for name, value in values.items()
                if name in always or value is not None
            },
        }
