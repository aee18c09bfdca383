"""Pipelines as a command's configuration describes them."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf

from fidip.cli.loading import default_ckpt, load_predictor
from fidip.cli.targets import instantiate
from fidip.core.errors import ConfigError, shown
from fidip.core.track import Track
from fidip.inference import CameraPipeline, Predictor
from fidip.inference.detectors import Detector
from fidip.inference.output_names import Input
from fidip.inference.person_selection import PREFERENCES


def load(config: DictConfig, has_video: bool, is_live: bool = False) -> Predictor:
    """The predictor that ``ckpt`` and its companions ask for.

    Args:
        config: of the command.
        has_video: whether a video or a camera is among the inputs.
        is_live: whether it is for a camera.
    """
    return load_predictor(
        str(config.ckpt or default_ckpt(has_video, config.device)),
        runtime=config.runtime,
        device=config.device,
        flip_test=flips(config, is_live),
        rotation_test=config.rotation_test,
        config=config,
    )


def flips(config: DictConfig, is_live: bool = False) -> bool:
    """Whether to average with the mirrored image: by default, but not for a camera."""
    return not is_live if config.flip_test is None else bool(config.flip_test)


def make_detector(config: DictConfig) -> Detector:
    """Raises ConfigError where its file is not told."""
    if OmegaConf.is_missing(config.detector, "path"):
        raise ConfigError("detector.path is not set: give detector.path=FILE.onnx")
    detector: Detector = instantiate(config.detector)
    return detector


def pipeline_settings(config: DictConfig) -> dict[str, Any]:
    """Return the arguments that all pipelines share."""
    return {
        "writers": tuple(config.save),
        "overlay": instantiate(config.overlay),
        "detector": make_detector(config),
        "prefer": PREFERENCES[config.person],
        "rotations": tuple(config.rotations),
    }


def camera_pipeline(predictor: Predictor, config: DictConfig) -> CameraPipeline:
    """Return the pipeline of a camera that a command's configuration describes."""
    smoother = instantiate(config.smoothing, causal=True)
    return CameraPipeline(
        predictor, smoother=smoother, lost=config.lost, **pipeline_settings(config)
    )


def damage_line(track: Track, source: Input) -> str | None:
    """Return a line about the missing rest of a damaged video; None for an intact one."""
    if track.damage is None:
        return None
    return (
        f"{shown(source.path)}: {track.damage}; they are kept. Copy the file again if it should "
        "hold more"
    )
