"""Analysis and inputs of ``fidip frames`` that a configuration describes."""

from __future__ import annotations

from omegaconf import DictConfig

from fidip.cli.loading import default_ckpt, load_net, onnx_file, shifts_when_flipped
from fidip.core.errors import ConfigError
from fidip.inference import Predictor
from fidip.inference.frame_candidates import FrameAnalysis
from fidip.inference.person_selection import PREFERENCES
from fidip.inference.runtime import make_runtime


def make_analysis(config: DictConfig) -> FrameAnalysis:
    """Return the analysis of videos that the configuration describes.

    Raises:
        ConfigError: the weights are an ONNX file.
    """
    ckpt = str(config.ckpt or default_ckpt(has_video=True, device=config.device))
    if onnx_file(ckpt) is not None:
        raise ConfigError(
            f"ckpt={ckpt}: an ONNX file gives no features of its backbone; expected a run "
            "directory, a checkpoint or zoo:NAME. Choose other weights"
        )
    net, codec = load_net(ckpt, config)
    runtime = make_runtime(config.runtime, net.eval(), codec, config.device)
    predictor = Predictor(runtime, codec, flip_shift=shifts_when_flipped(ckpt))
    return FrameAnalysis(predictor, net, config.rate, config.lost, PREFERENCES[config.person])
