"""Predictors and pipelines that a command's configuration describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from fidip.cli.loading import predictor_of
from fidip.cli.targets import instantiate
from fidip.core.errors import ConfigError
from fidip.inference import CameraPipeline, Predictor
from fidip.inference.detectors import Detector
from fidip.inference.output_names import Input
from fidip.inference.person_selection import PREFERENCES
from fidip.inference.webcam import WEBCAM, camera_of
from fidip.inference.writers import OUTPUT_FORMATS, check_installed


def make_predictor(ckpt: str, config: DictConfig, is_live: bool = False) -> Predictor:
    """Return the predictor that a command's configuration describes.

    Args:
        ckpt: the weights.
        config: settings of the command.
        is_live: whether it is for a camera.
    """
    predictor = predictor_of(ckpt, config.runtime, config.device, config)
    return predictor.with_averages(flips(config, is_live), config.rotation_test)


def flips(config: DictConfig, is_live: bool = False) -> bool:
    """Whether to average with the mirrored image: by default, but not for a camera."""
    return not is_live if config.flip_test is None else bool(config.flip_test)


def make_detector(config: DictConfig) -> Detector:
    """Return the person detector that a command's configuration describes.

    Raises:
        ConfigError: its file is not given.
    """
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


def check_prediction(config: DictConfig) -> None:
    """Check ``seconds`` and the output formats.

    Raises:
        ConfigError: ``seconds`` is set without a webcam, or a format needs a missing package.
    """
    if config.seconds is not None and camera_of(str(config.source)) is None:
        raise ConfigError(f"seconds={config.seconds} is for a webcam: source={WEBCAM}")
    check_installed(formats(config))


def formats(config: DictConfig) -> list[str]:
    """Return the file formats in ``save``, without overlays."""
    return [name for name in config.save if name in OUTPUT_FORMATS]


def check_kinds(config: DictConfig, inputs: Sequence[Input]) -> None:
    """Check that settings for videos or images have an input of this kind.

    Args:
        config: settings of the command.
        inputs: images and videos.

    Raises:
        ConfigError: they have none.
    """
    timed = [name for name in formats(config) if not OUTPUT_FORMATS[name].photos]
    if timed and all(each.is_photo for each in inputs):
        raise ConfigError(
            f"save: {', '.join(timed)} is for videos, and source names photographs only"
        )
    if config.boxes and not any(each.is_photo for each in inputs):
        raise ConfigError(f"boxes={config.boxes} is for photographs, and source names videos only")
