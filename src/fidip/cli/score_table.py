"""Prints the scores of ``fidip train`` and ``fidip evaluate``, and those of joints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fidip.core.poses import Poses
from fidip.core.skeleton import COCO17
from fidip.io.terminal import print_parts, text_table
from fidip.metrics import GROUND_TRUTH, Results
from fidip.metrics.body_scale import TABLE_NAMES
from fidip.report.diagnosis_tables import diagnosis
from fidip.report.formatting import show_interval, show_number


def print_table(results: Results) -> None:
    """Print the ten COCO metrics with their intervals and conditions, and the error analysis.

    Args:
        results: results of a test.
    """
    leaked = results.leaked_images
    print(
        f"{_predicted(results)}, {results.box_source} boxes, OKS by {results.area_source}"
        + (f", LEAKAGE: trained on {leaked} of the images" if leaked else "")
    )
    rows = [
        [name, show_number(value), show_interval(results.intervals.get(name), "")]
        for name, value in results.metrics.items()
    ]
    second = results.second_annotator
    if second:
        name = f"AP, second annotator ({second['images']} of {results.images} images)"
        rows.append([name, show_number(second["AP"]), show_interval(second["interval"], "")])
    body_scaled = results.body_scaled
    if body_scaled:
        rows += [
            [shown, show_number(body_scaled[key]), show_interval(body_scaled["intervals"][key], "")]
            for key, shown in TABLE_NAMES.items()
        ]
    table = text_table(("", "value", "95 % interval over images"), rows)
    notes = [_people_with_scale(body_scaled)] if body_scaled else []
    print_parts(table, *notes, *diagnosis(results), width=80)


def _people_with_scale(body_scaled: Mapping[str, Any]) -> str:
    """Return how many people PCKsh and mKS are based on, and how many are left out."""
    people, left_out = body_scaled["people"], body_scaled["left_out"]
    return (
        f"PCKsh, mKS: {people} of {people + left_out} people; {left_out} left out (shoulders, hips "
        "or face unlabelled)"
    )


def _predicted(results: Results) -> str:
    """Return how many people the numbers are based on."""
    people = f"{results.matched} of {results.instances} people"
    if results.box_source != GROUND_TRUTH:
        return f"{people} found by {results.predictions} predictions"
    missed = " (the others count as missed)" if results.matched != results.instances else ""
    return f"{people} predicted{missed}"


def print_poses(name: str, poses: Poses) -> None:
    """Print the confidence of each joint.

    Args:
        name: name of the image.
        poses: the people in it.
    """
    for person, scores in enumerate(poses.scores.tolist()):
        print(name + (f", person {person}" if len(poses) > 1 else ""))
        for joint, score in zip(COCO17.joints, scores, strict=True):
            print(f"  {joint.replace('_', ' ')}: {score:.2f}")
