"""Kill runs of a tiny experiment at random times, resume, and compare with an uninterrupted run.

    python benchmarks/kill_resume.py [RUNS=20 [DATA_ROOT]]

Without DATA_ROOT, synthetic data are rendered first. Prints how often each run was killed by
SIGKILL, and how many runs ended with bit-identical weights and curves.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from fidip import train

TINY = (
    "experiment=fidip_demo",
    "ckpt=null",
    "callbacks=ema",
    "callbacks.checkpoints.every_minutes=0.001",
    "codec.input_wh=[32,32]",
    "codec.heatmap_wh=[8,8]",
    "data.batch_size=2",
    "data.num_workers=0",
    "data.val_fraction=0.4",
    "net.backbone.width=0.125",
    "trainer.max_epochs=3",
    "method.domain_epochs=2",
)


def start(arguments: list[str], log: Path) -> int:
    """Start training in a forked process without new imports; return its id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(out, 1)
        os.dup2(out, 2)
        sys.argv = ["fidip train", *arguments]
        train.main()
        status = 0
    finally:
        os._exit(status)


def run_with_kills(root: Path, folder: Path, moments: list[float]) -> int:
    """Run an experiment, kill it after each number of seconds, resume it, and let the last run end.

    Returns:
        The number of kills that met a running process.
    """
    kills = 0
    fresh = [*TINY, f"data.root={root}", f"hydra.run.dir={folder}"]
    for seconds in [*moments, None]:
        arguments = [f"resume={folder}"] if (folder / "config.yaml").is_file() else fresh
        child = start(arguments, folder.with_suffix(".log"))
        if seconds is not None:
            time.sleep(seconds)
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        kills += os.WIFSIGNALED(status)
        if (folder / "results.json").is_file():
            return kills
        if seconds is None:
            log = folder.with_suffix(".log").read_text(encoding="utf-8")
            raise RuntimeError(f"{folder} ended with status {status}\n{log[-2000:]}")


def left(folder: Path) -> tuple[dict[str, torch.Tensor], str]:
    """Return the last state of all trained tensors, and the curves."""
    saved = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    weights = {**saved["state_dict"], **saved["averaging_state"]}
    weights |= {f"now.{name}": value for name, value in saved["current_model_state"].items()}
    return weights, (folder / "metrics.csv").read_text(encoding="utf-8")


def same(one: Path, other: Path) -> tuple[bool, bool]:
    """Return whether two runs have bit-identical weights, and whether they have equal curves."""
    (weights, curves), (others, other_curves) = left(one), left(other)
    equal = all(torch.equal(weights[name], others[name]) for name in weights)
    return weights.keys() == others.keys() and equal, curves == other_curves


def tiny_data(root: Path) -> Path:
    """Render a few synthetic people, all into the same folder."""
    command = [sys.executable, "-m", "fidip.synthesize", "preset=tiny", f"out={root}"]
    subprocess.run(command, check=True)
    return root


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    torch.set_num_threads(1)
    killed_runs = 0
    rng, equal, curves = random.Random(0), 0, 0
    with tempfile.TemporaryDirectory() as place:
        root = Path(sys.argv[2]) if len(sys.argv) > 2 else tiny_data(Path(place) / "data")
        whole = Path(place) / "whole"
        began = time.monotonic()
        run_with_kills(root, whole, [])
        length = time.monotonic() - began
        print(f"uninterrupted: {length:.1f} s", flush=True)
        for number in range(runs):
            killed = Path(place) / f"killed{number}"
            moments = [rng.uniform(0, length / 2) for _ in range(rng.randint(1, 3))]
            kills = run_with_kills(root, killed, moments)
            killed_runs += kills > 0
            weights_equal, curves_equal = same(whole, killed)
            equal, curves = equal + weights_equal, curves + curves_equal
            found = f"weights {weights_equal}, curves {curves_equal}"
            print(f"run {number + 1:>2}: killed {kills} times: equal {found}", flush=True)
    print(f"of {runs} runs, {killed_runs} were killed while they ran;")
    print(f"{equal} ended with equal weights and {curves} with equal curves")
    raise SystemExit(equal != runs or curves != runs)


if __name__ == "__main__":
    main()
