"""Whether a rendered data set is the recorded one: ``python -m fidip.synth.dataset.fingerprint DIR``.

Says of every recorded image that DIR has whether file and annotation are the same byte for byte, and how far the key points
are apart; exit status 1 where that is over ``TOLERANCE``. ``--record FILE`` writes the record of all of DIR instead.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fidip.core.errors import DatasetMissingError, FidipError
from fidip.io.atomic import write_text_atomic
from fidip.io.coco import PREFIX, split_of
from fidip.io.json import read_object

INFANT_BENCH = Path(__file__).parents[1] / "assets" / "infant_bench.json"
TOLERANCE = 1e-3 + 1e-9
"""Pixels, of labels that are rounded to a thousandth."""
Fingerprints = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Comparison:
    """A data set against a record.

    Attributes:
        images: number of images that both have.
        same_files, same_annotations: of them, how many are the same byte for byte.
        drift: largest difference of a key point's x or y, px.
        same_visibility: share of key points with the same v.
    """

    images: int
    same_files: int
    same_annotations: int
    drift: float
    same_visibility: float


def fingerprints(root: Path) -> Fingerprints:
    """SHA-256 of the files and annotations of all stills in ``root``, and their key points, by split and file name."""
    out: Fingerprints = {}
    for file in sorted(root.glob(f"annotations/{PREFIX}*.json")):
        content = read_object(file)
        if "videos" in content:
            continue
        split = split_of(file)
        names = {image["id"]: image["file_name"] for image in content["images"]}
        for annotation in content["annotations"]:
            name = f"{split}/{names[annotation['image_id']]}"
            out[name] = {
                "image": _digest((root / "images" / name).read_bytes()),
                "annotation": _digest(json.dumps(annotation).encode()),
                "keypoints": annotation["keypoints"],
            }
    if not out:
        raise DatasetMissingError(
            f"{root}: no annotations/{PREFIX}*.json; give the out=DIR of fidip synthesize"
        )
    return out


def compare(recorded: Fingerprints, found: Fingerprints) -> Comparison:
    """What is the same of the images that both have."""
    pairs = [(recorded[name], found[name]) for name in recorded if name in found]
    if not pairs:
        raise DatasetMissingError(
            f"none of the {len(recorded)} recorded images, such as {next(iter(recorded))}, is there; "
            "render it with fidip synthesize preset=infant_bench first=8 out=DIR"
        )
    a, b = np.array([[p["keypoints"], q["keypoints"]] for p, q in pairs]).swapaxes(0, 1)
    a, b = a.reshape(-1, 3), b.reshape(-1, 3)
    alike = a[:, 2] == b[:, 2]
    # a joint at the edge that rounds to outside has no place
    moved = np.abs(a[:, :2] - b[:, :2])[(a[:, 2] > 0) & (b[:, 2] > 0)]
    return Comparison(
        images=len(pairs),
        same_files=sum(p["image"] == q["image"] for p, q in pairs),
        same_annotations=sum(p["annotation"] == q["annotation"] for p, q in pairs),
        drift=float(moved.max(initial=0.0)),
        same_visibility=float(alike.mean()),
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare a rendered infant-bench with the record.")
    parser.add_argument("root", type=Path, help="the out=DIR of fidip synthesize")
    parser.add_argument("--record", type=Path, help="write the record of DIR to this file instead")
    args = parser.parse_args()
    try:
        found = fingerprints(args.root)
        if args.record:
            lines = (f"{json.dumps(name)}: {json.dumps(one)}" for name, one in found.items())
            write_text_atomic(args.record, "{\n" + ",\n".join(lines) + "\n}\n")
            print(f"{args.record}: {len(found)} images")
            return 0
        result = compare(read_object(INFANT_BENCH), found)
    except FidipError as error:
        print(error, file=sys.stderr)
        return 2
    print(
        f"of {result.images} recorded images {result.same_files} files and {result.same_annotations} "
        f"annotations are the same byte for byte; key points differ by at most {result.drift:.3f} px, "
        f"{100 * result.same_visibility:.1f} % have the same visibility"
    )
    return int(result.drift > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
