"""Make the start of adaptation_norm: python start.py ROOT OUT.safetensors [key=value ...].

The weights of MoveNet Lightning have BatchNorm folded into the convolutions. Here it gets BatchNorm
layers with the statistics of the source, the clean infants in ROOT, a folder of preset=adaptation.
In eval mode the network computes what it did before.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import hydra

from fidip.cli.targets import instantiate
from fidip.io.paths import config_dir
from fidip.nn.batch_norm import set_statistics
from fidip.nn.pose_net import PoseNet
from fidip.nn.weights.net_weights import load_weights, save_weights

START = "bundled:movenet-lightning"
SOURCE = ("data.real_images=0", "data.target_labels=null", "data.balanced=false")


def start(root: Path, overrides: Sequence[str]) -> PoseNet:
    """Return the network."""
    settings = ["experiment=adaptation_norm", "run_dir=.", f"data.root={root}", *SOURCE, *overrides]
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = hydra.compose("train", settings)
    net: PoseNet = instantiate(config.net)
    load_weights(net, START, allow_partial=True)
    data = instantiate(config.data)
    data.setup("fit")
    set_statistics(net, (net.normalize(batch.crops) for batch in data.train_dataloader()))
    return net


def main() -> None:
    """Make the network and write it."""
    root, out, *overrides = sys.argv[1:]
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    save_weights(start(Path(root), overrides), Path(out), {"made_from": START})
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
