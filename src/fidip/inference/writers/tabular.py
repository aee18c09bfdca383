"""Key points as COCO results and as tidy tables: one row a joint."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fidip.core.skeleton import COCO17
from fidip.inference.track import PhotoSet, Track
from fidip.io.coco import result_record

DECIMALS = {"time_s": 6, "x": 3, "y": 3, "score": 4}


def write_coco(found: Track | PhotoSet, path: Path) -> None:
    """COCO results, one person a line; ``image_id`` is the frame, or the number of the photograph.

    Frames without a key point have no entry; a single unknown joint is 0, 0 with confidence 0.
    """
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for number, entry in enumerate(coco_entries(found)):
            file.write(",\n" if number else "\n")
            json.dump(entry, file, allow_nan=False)
        file.write("\n]\n")


def coco_entries(found: Track | PhotoSet) -> Iterator[dict[str, Any]]:
    """Entries of a COCO results file, and where each was found."""
    columns = {name: values.tolist() for name, values in found.places.items()}
    triplets = np.concatenate([found.xy, found.scores[..., None]], axis=2).round(4)
    triplets = np.where(found.known[..., None], triplets, 0.0)
    for row in np.flatnonzero(found.known.any(axis=1)).tolist():
        yield {
            **{name: values[row] for name, values in columns.items()},
            **result_record(
                int(found.image_ids[row]), triplets[row], float(found.scores[row].mean())
            ),
        }


def write_csv(found: Track | PhotoSet, path: Path) -> None:
    """A tidy table; x and y are empty where unknown."""
    table = {name: _plain(name, values) for name, values in tidy(found).items()}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*table.values(), strict=True))


def _plain(name: str, values: NDArray[Any]) -> list[Any]:
    if name not in DECIMALS:
        return values.tolist()
    rounded = values.astype(np.float64).round(DECIMALS[name]).tolist()
    return ["" if np.isnan(value) else value for value in rounded]


def write_parquet(found: Track | PhotoSet, path: Path) -> None:
    """The tidy table with its types and in full precision; x and y are null where unknown."""
    import pyarrow
    import pyarrow.parquet

    table = tidy(found)
    columns = {
        name: pyarrow.array(values, mask=np.isnan(values) if name in ("x", "y") else None)
        for name, values in table.items()
    }
    columns["joint"] = columns["joint"].dictionary_encode()
    pyarrow.parquet.write_table(pyarrow.table(columns), path)


def tidy(found: Track | PhotoSet) -> dict[str, NDArray[Any]]:
    """Columns of N * K rows: where it was found, the joint, x and y in image px, and its score."""
    joints = len(COCO17)
    places = {name: np.repeat(values, joints) for name, values in found.places.items()}
    return {
        **places,
        "joint": np.tile(np.array(COCO17.joints, dtype=object), len(found)),
        "x": found.xy[..., 0].ravel(),
        "y": found.xy[..., 1].ravel(),
        "score": found.scores.ravel(),
    }
