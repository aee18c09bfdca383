"""Write weights between the adult net's and a trained net's, in half precision.

python ship.py CKPT SHARE OUT.safetensors
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from safetensors.torch import save_file

from fidip.nn import interpolate
from fidip.nn.weights.checkpoint_files import read_weights

ADULT = "bundled:movenet-lightning"


def main(ckpt: str, share: float, out: Path) -> None:
    adult, found = read_weights(ADULT).tensors, read_weights(ckpt).tensors
    weights = interpolate(adult, {name: found[name] for name in adult}, share)
    about = {"experiment": "infant_net", "net": "movenet_lightning_full", "share": str(share)}
    save_file({name: tensor.half() for name, tensor in weights.items()}, out, about)
    print(hashlib.sha256(out.read_bytes()).hexdigest(), out.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]))
