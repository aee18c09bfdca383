"""Write weights between the adult net's and a trained net's, in half precision.

python ship.py ADULT CKPT FRACTION OUT.safetensors
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from safetensors.torch import save_file

from fidip.nn import interpolate
from fidip.nn.weights.checkpoint_files import read_weights


def main(adult_ckpt: str, ckpt: str, fraction: float, out: Path) -> None:
    adult, found = read_weights(adult_ckpt).tensors, read_weights(ckpt).tensors
    weights = interpolate(adult, {name: found[name] for name in adult}, fraction)
    # "share" is part of the bytes, so of the hash of the shipped files.
    about = {"experiment": "infant_net", "adult": Path(adult_ckpt).name, "share": str(fraction)}
    save_file({name: tensor.half() for name, tensor in weights.items()}, out, about)
    print(hashlib.sha256(out.read_bytes()).hexdigest(), out.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), Path(sys.argv[4]))
