"""Keypoints as COCO results and as tidy tables with one row per joint."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fidip.core.poses import Poses, pose_scores
from fidip.core.skeleton import COCO17
from fidip.io.coco import result_record

CSV_DECIMALS = {"time_s": 6, "x": 3, "y": 3, "score": 4}
"""Decimals of columns in CSV files."""


def write_coco(poses: Poses, path: Path) -> None:
    """Write COCO results, one person per line.

    ``image_id`` is the number of the frame or photograph, and ``score`` is that of ``pose_scores``,
    by which evaluation ranks people. Frames without keypoints have no entry; in other frames an
    unknown joint is 0, 0 with confidence 0.

    Args:
        poses: N poses.
        path: path of the file.
    """
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for number, entry in enumerate(coco_entries(poses)):
            file.write(",\n" if number else "\n")
            json.dump(entry, file, allow_nan=False)
        file.write("\n]\n")


def coco_entries(poses: Poses) -> Iterator[dict[str, Any]]:
    """Yield the entries of a COCO results file, with the row labels of each.

    Args:
        poses: N poses.

    Example:
        >>> xy, scores = np.ones((1, 17, 2)), np.full((1, 17), 0.5, np.float32)
        >>> next(coco_entries(Poses.of_keypoints(xy, scores)))["keypoints"][:3]
        [1.0, 1.0, 0.5]
    """
    columns = {name: values.tolist() for name, values in poses.row_labels().items()}
    scores = pose_scores(poses).tolist()
    triplets = np.concatenate([poses.xy, poses.scores[..., None]], axis=2).round(4)
    triplets = np.where(poses.known[..., None], triplets, 0.0)
    for row in np.flatnonzero(poses.known.any(axis=1)).tolist():
        yield {
            **{name: values[row] for name, values in columns.items()},
            **result_record(int(poses.image_ids[row]), triplets[row], scores[row]),
        }


def write_csv(poses: Poses, path: Path) -> None:
    """Write a tidy table, one row per joint; unknown x and y are empty.

    Args:
        poses: N poses.
        path: path of the file.
    """
    table = {name: _plain(name, values) for name, values in tidy(poses).items()}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*table.values(), strict=True))


def _plain(name: str, values: NDArray[Any]) -> list[Any]:
    if name not in CSV_DECIMALS:
        return values.tolist()
    rounded = values.astype(np.float64).round(CSV_DECIMALS[name]).tolist()
    return ["" if np.isnan(value) else value for value in rounded]


def write_parquet(poses: Poses, path: Path) -> None:
    """Write a tidy table with column types and full precision; unknown x and y are null.

    Args:
        poses: N poses.
        path: path of the file.
    """
    import pyarrow
    import pyarrow.parquet

    table = tidy(poses)
    columns = {
        name: pyarrow.array(values, mask=np.isnan(values) if name in ("x", "y") else None)
        for name, values in table.items()
    }
    columns["joint"] = columns["joint"].dictionary_encode()
    pyarrow.parquet.write_table(pyarrow.table(columns), path)


def tidy(poses: Poses) -> dict[str, NDArray[Any]]:
    """Return the columns of a tidy table, one row per joint.

    Args:
        poses: N poses.

    Returns:
        Columns of length N K: row labels, joint, x and y in image px, and score.

    Example:
        >>> poses = Poses.of_keypoints(np.ones((1, 17, 2)), np.ones((1, 17), np.float32))
        >>> tidy(poses)["joint"][:2]
        array(['nose', 'left_eye'], dtype=object)
    """
    joints = len(COCO17)
    labels = {name: np.repeat(values, joints) for name, values in poses.row_labels().items()}
    return {
        **labels,
        "joint": np.tile(np.array(COCO17.joints, dtype=object), len(poses)),
        "x": poses.xy[..., 0].ravel(),
        "y": poses.xy[..., 1].ravel(),
        "score": poses.scores.ravel(),
    }
