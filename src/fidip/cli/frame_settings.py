"""Analysis of videos that a configuration describes, as ``fidip frames`` does it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from omegaconf import DictConfig

from fidip.cli.console_progress import ConsoleProgress
from fidip.cli.loading import default_ckpt, net_with_predictor, onnx_file
from fidip.cli.prediction_inputs import InputReport
from fidip.core.errors import ConfigError, DataError, shown
from fidip.inference.frame_candidates import FrameAnalysis
from fidip.inference.frame_dataset import AnalysedVideo
from fidip.inference.output_names import Input
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


def analyse(
    analysis: FrameAnalysis,
    inputs: Sequence[Input],
    subjects: dict[Input, str],
    report: InputReport,
) -> list[AnalysedVideo]:
    """Return the videos with their candidate frames, and collect the outcomes in the report.

    Args:
        analysis: finds the candidate frames of a video.
        inputs: the videos.
        subjects: subject of each video.
        report: collects the outcomes.
    """
    videos: list[AnalysedVideo] = []
    for source in inputs:
        try:
            with ConsoleProgress("frame") as progress:
                found = analysis.cached(source.path, source.name, progress)
        except DataError as error:
            report.failed.append(str(error))
            continue
        except KeyboardInterrupt:
            kept = f"the analysis of {len(videos)} of {report.total} videos is kept"
            print(f"interrupted: {kept}; the same command continues", file=sys.stderr)
            raise
        videos.append(AnalysedVideo(source, subjects[source], found))
        report.done += not found.damage
        if found.damage:
            report.partial.append(f"{shown(source.path)}: {found.damage}; its frames are used")
    return videos
