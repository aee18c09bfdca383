"""Analysis and inputs of ``fidip frames`` that a configuration describes."""

from __future__ import annotations

from omegaconf import DictConfig

from fidip.cli.loading import default_ckpt, net_with_predictor, onnx_file
from fidip.core.errors import ConfigError
from fidip.inference.frame_candidates import FrameAnalysis
from fidip.inference.person_selection import PREFERENCES


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
    net, predictor = net_with_predictor(ckpt, config.runtime, config.device, config)
    return FrameAnalysis(predictor, net, config.rate, config.lost, PREFERENCES[config.person])
