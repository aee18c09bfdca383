"""Put a run's weights into the package: python experiments/001-adult-pretraining/ship.py RUN_DIR"""

import hashlib
import sys
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import OmegaConf

from fidip.nn.checkpoints import load_weights, save_weights
from fidip.run_folder import RunFolder

OUT = Path(__file__).parents[2] / "src/fidip/weights/demo_adult.safetensors"

run = RunFolder(Path(sys.argv[1]))
config = OmegaConf.load(run.config)
net = instantiate(config.net)
print(load_weights(net, str(run.weights())))
OUT.parent.mkdir(exist_ok=True)
save_weights(
    net,
    OUT,
    {"experiment": config.name, "seed": str(config.seed), "data": "fidip synthesize preset=adults"},
)
print(
    OUT,
    f"{OUT.stat().st_size / 1e6:.2f} MB",
    "sha256",
    hashlib.sha256(OUT.read_bytes()).hexdigest(),
)
