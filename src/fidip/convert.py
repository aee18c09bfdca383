"""``fidip convert``: convert an external checkpoint to safetensors.

Only weights are written, without the training images recorded in a checkpoint. Half-precision
weights stay in half precision.
"""

from __future__ import annotations

from fidip.cli import check_arguments, command, instantiate

if __name__ == "__main__":
    check_arguments("convert")

from collections.abc import Sequence
from pathlib import Path

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from fidip.cli.composition import choice
from fidip.core.errors import CheckpointError, ConfigError
from fidip.io.atomic import require_file
from fidip.io.hashing import hash_files
from fidip.nn.weights.architecture import net_of
from fidip.nn.weights.checkpoint_files import Weights, read_weights
from fidip.nn.weights.net_weights import fill, save_weights
from fidip.nn.weights.tfjs import is_tfjs, tfjs_files


def convert(config: DictConfig) -> None:
    """Read a checkpoint, load it into its network and write the network's weights."""
    out = Path(config.out)
    if out.suffix != ".safetensors":
        raise ConfigError(f"out={out}: weights are written as .safetensors; name such a file")
    require_file(out, f"out={out}")
    weights = read_weights(config.src, "src")
    name, net_config = choose_net(config, weights)
    net = instantiate(net_config)
    report = fill(net, weights)
    if all(weights.tensors[name].dtype == torch.float16 for name in report.loaded):
        net.half()  # lossless, and half the size
    source = {"source": weights.path.name, "source_sha256": hash_files(files_of(weights.path))}
    save_weights(net, out, {"family": weights.family, "net": name, **source})
    print(report)
    print(f"written: {out}; use it with net={name} ckpt={out}")


def choose_net(config: DictConfig, weights: Weights) -> tuple[str, DictConfig]:
    """Return name and configuration of the net: that of the command line, or else detected.

    Args:
        config: settings of the command.
        weights: the weights.

    Raises:
        CheckpointError: the net is unknown.
    """
    if config.get("net"):
        return HydraConfig.get().runtime.choices.net, config.net
    name = net_of(weights.tensors)
    if name is None:
        raise CheckpointError(
            f"{weights.path}: the net of these weights ({weights.family}) is unknown; "
            "say which with net=NAME"
        )
    return name, choice("net", name)


def files_of(path: Path) -> Sequence[Path]:
    """Return the files of a checkpoint.

    Args:
        path: the checkpoint.
    """
    return tfjs_files(path) if is_tfjs(path) else [path]


@command("convert")
def main(config: DictConfig) -> None:
    """Run the command."""
    convert(config)


if __name__ == "__main__":
    main()
