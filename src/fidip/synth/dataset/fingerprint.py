"""Comparison of a dataset with a record: ``python -m fidip.synth.dataset.fingerprint DIR``.

Reports how many files and annotations of DIR have the recorded bytes, and the largest distance
between keypoints; the exit status is 1 if that exceeds ``LABEL_TOLERANCE``. ``--record FILE``
writes a record of DIR.
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
LABEL_TOLERANCE = 1e-3 + 1e-9
"""Largest allowed distance, px; labels are rounded to a thousandth."""
Fingerprints = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Reproduction:
    """Result of comparing a dataset with a record.

    Attributes:
        images: number of images in both.
        same_files, same_annotations: numbers of these with identical bytes.
        drift: largest difference of a keypoint's x or y, px.
        same_visibility: fraction of keypoints with the same v.
    """

    images: int
    same_files: int
    same_annotations: int
    drift: float
    same_visibility: float


def fingerprints(root: Path) -> Fingerprints:
    """Return SHA-256 and keypoints of all stills in ``root``, by split and file name.

    Raises:
        DatasetMissingError: there are no annotation files.
    """
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


def compare_fingerprints(recorded: Fingerprints, found: Fingerprints) -> Reproduction:
    """Compare the images that are in both.

    Raises:
        DatasetMissingError: there are none.
    """
    pairs = [(recorded[name], found[name]) for name in recorded if name in found]
    if not pairs:
        raise DatasetMissingError(
            f"none of the {len(recorded)} recorded images, such as {next(iter(recorded))}, exists; "
            "render it with fidip synthesize preset=infant_bench first=8 out=DIR"
        )
    a, b = np.array([[p["keypoints"], q["keypoints"]] for p, q in pairs]).swapaxes(0, 1)
    a, b = a.reshape(-1, 3), b.reshape(-1, 3)
    alike = a[:, 2] == b[:, 2]
    # a keypoint that rounds to outside has no position
    moved = np.abs(a[:, :2] - b[:, :2])[(a[:, 2] > 0) & (b[:, 2] > 0)]
    return Reproduction(
        images=len(pairs),
        same_files=sum(p["image"] == q["image"] for p, q in pairs),
        same_annotations=sum(p["annotation"] == q["annotation"] for p, q in pairs),
        drift=float(moved.max(initial=0.0)),
        same_visibility=float(alike.mean()),
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main() -> int:
    """Run the command; return its exit status."""
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
        result = compare_fingerprints(read_object(INFANT_BENCH), found)
    except FidipError as error:
        print(error, file=sys.stderr)
        return 2
    print(
        f"of {result.images} recorded images, {result.same_files} files and "
        f"{result.same_annotations} annotations have the same bytes; "
        f"keypoints differ by at most {result.drift:.3f} px, "
        f"{100 * result.same_visibility:.1f} % have the same visibility"
    )
    return int(result.drift > LABEL_TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
