"""Put a run's weights into the package, its curves here: ship.py RUN_DIR"""

import hashlib
import sys
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import OmegaConf

from fidip.nn.checkpoints import load_weights, save_weights
from fidip.report.figures import curve
from fidip.report.runs import read_runs
from fidip.run_folder import RunFolder

HERE = Path(__file__).parent
WEIGHTS = HERE.parents[1] / "src/fidip/weights/demo_adult.safetensors"

run = RunFolder(Path(sys.argv[1]))
config = OmegaConf.load(run.config)
net = instantiate(config.net)
print(load_weights(net, str(run.weights())))
about = {"experiment": config.name, "seed": config.seed, "data": "fidip synthesize preset=adults"}
WEIGHTS.parent.mkdir(exist_ok=True)
save_weights(net, WEIGHTS, {name: str(value) for name, value in about.items()})
content = WEIGHTS.read_bytes()
print(WEIGHTS.name, f"{len(content) / 1e6:.2f} MB", "sha256", hashlib.sha256(content).hexdigest())

for column, name in (("val/AP", "ap"), ("train/loss", "loss")):
    figure = curve(read_runs(str(run.root)), column, column)
    (HERE / f"{name}.svg").write_text(figure, encoding="utf-8")
