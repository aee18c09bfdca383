"""What a checkpoint is of: its network and codec, and what predicts with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate
from omegaconf import DictConfig

from fidip.errors import ConfigError
from fidip.heatmap import HeatmapCodec
from fidip.inference import Predictor
from fidip.inference.runtime import OnnxRuntime, make_runtime
from fidip.nn import PoseNet, load_weights
from fidip.nn.checkpoints import BUNDLED
from fidip.places import config_dir
from fidip.run_folder import RunFolder


def load_predictor(
    ckpt: str,
    *,
    runtime: str = "torch",
    device: str | None = None,
    flip_test: bool = True,
    config: DictConfig | None = None,
) -> Predictor:
    """A predictor with the weights, network and codec of a run, or the bundled ones.

    Args:
        ckpt: run folder, checkpoint inside one, ``bundled:demo_adult``, or an ONNX file of
            ``fidip export``.
        runtime: ``torch`` or ``onnx``.
        device: ``cpu`` or ``cuda``; None for the best there is.
        flip_test: average with the mirrored image.
        config: names network and codec of weights that lie in no run folder.

    Raises:
        ConfigError: it is not known which network the weights are of.
        CheckpointError: there are no such weights, or of another network.
    """
    if ckpt.endswith(".onnx"):
        exported = OnnxRuntime(Path(ckpt), device)
        return Predictor(exported, exported.codec, flip_test)
    net, codec = load_net(ckpt, config)
    return Predictor(make_runtime(runtime, net, codec, device), codec, flip_test)


def load_net(ckpt: str, config: DictConfig | None = None) -> tuple[PoseNet, HeatmapCodec]:
    """The network that a checkpoint is of, filled, and its codec; see ``load_predictor``."""
    trained = settings_of(ckpt, config)
    net: PoseNet = instantiate(trained.net)
    codec: HeatmapCodec = instantiate(trained.codec)
    run = RunFolder(Path(ckpt))
    weights = run.weights() if run.config.is_file() else ckpt
    report = load_weights(net, weights, bool(config and config.allow_partial))
    if report.missing:
        print(report)
    return net, codec


def settings_of(ckpt: str, config: DictConfig | None = None) -> DictConfig:
    """The configuration with the network and the codec that ``ckpt`` is of.

    Raises:
        ConfigError: it lies in no run folder, and no experiment is named.
    """
    run = RunFolder.of_checkpoint(ckpt)
    if run is not None:
        return run.read_config([])
    if config is not None and config.name != "unnamed":
        return config
    if ckpt.startswith(BUNDLED):
        return composed(["experiment=pretrain_demo"])
    raise ConfigError(
        f"ckpt={ckpt} lies in no run folder; say with experiment=NAME which net and codec it is of"
    )


def composed(overrides: Sequence[str]) -> DictConfig:
    """The configuration of a training run, inside Hydra's application and outside."""
    if GlobalHydra.instance().is_initialized():
        return compose("train", list(overrides))
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("train", list(overrides))
