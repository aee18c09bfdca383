"""Record ``preset=tiny`` after an intended change: ``python tests/synth/tiny_record.py``."""

import hashlib
import json
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import cv2
import hydra

from fidip.cli import config_dir
from fidip.synthesize import synthesize

RECORD = Path(__file__).parents[1] / "golden" / "tiny.json"
PINNED = ("numpy", "scipy", "numba", "opencv-python-headless")


def make_tiny(root: Path, workers: int = 1) -> None:
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = hydra.compose("synthesize", ["preset=tiny", f"out={root}", f"workers={workers}"])
    synthesize(config)


def surroundings() -> dict[str, str]:
    """Return versions and processor, on which the hashes depend by their rounding."""
    from numpy._core._multiarray_umath import __cpu_features__

    wide = "AVX512" if __cpu_features__.get("AVX512F") else "no AVX512"
    return {name: version(name) for name in PINNED} | {"machine": f"{platform.machine()}, {wide}"}


def hashes(root: Path) -> dict[str, str]:
    """SHA-256 of every annotation file and of the decoded pixels of every image."""
    out = {}
    for path in sorted([*root.glob("annotations/*.json"), *root.glob("images/*/*.jpg")]):
        content = path.read_bytes() if path.suffix == ".json" else cv2.imread(str(path)).tobytes()
        out[path.relative_to(root).as_posix()] = hashlib.sha256(content).hexdigest()
    return out


def labels(root: Path) -> dict[str, list[list[float]]]:
    """The flat keypoints of every person, by split."""
    out = {}
    for path in sorted(root.glob("annotations/*.json")):
        out[path.stem] = [a["keypoints"] for a in json.loads(path.read_text())["annotations"]]
    return out


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        make_tiny(Path(folder))
        record = {
            "made_with": surroundings(),
            "sha256": hashes(Path(folder)),
            "keypoints": labels(Path(folder)),
        }
    RECORD.write_text(json.dumps(record) + "\n", encoding="utf-8")
    sys.stdout.write(f"{RECORD}\n")
