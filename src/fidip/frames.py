"""``fidip frames``: choose frames of videos to label."""

from __future__ import annotations

from fidip.cli import check_arguments, command

if __name__ == "__main__":
    check_arguments("frames")

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from fidip.cli.console_progress import ConsoleProgress
from fidip.cli.frame_settings import analyse, make_analysis
from fidip.cli.prediction_inputs import InputReport, sort_out
from fidip.core.errors import shown
from fidip.inference.frame_dataset import OUTPUTS, AnalysedVideo, pool_of, write_frames
from fidip.inference.frame_selection import CHOICES
from fidip.inference.output_names import name_inputs
from fidip.inference.subjects import subjects_of
from fidip.io.directories import output_folder, require_new
from fidip.io.media_files import find_videos


def frames(config: DictConfig) -> None:
    """Analyse all videos of ``source``, choose ``count`` frames, and write them."""
    out = Path(config.out)
    inputs = name_inputs(find_videos(str(config.source)), out)
    subjects = dict(zip(inputs, subjects_of(inputs, config.subject), strict=True))
    require_new(out, OUTPUTS)
    readable, report = sort_out(inputs)
    with output_folder(out, OUTPUTS[1:]):
        videos = analyse(make_analysis(config), readable, subjects, report) if readable else []
        if videos:
            choose(videos, config, report)
    report.finish(config.out)


def choose(videos: Sequence[AnalysedVideo], config: DictConfig, report: InputReport) -> None:
    """Choose frames of analysed videos, and write them.

    Args:
        videos: the videos, at least one.
        config: settings of the command.
        report: collects the outcomes.
    """
    pool = pool_of(videos)
    chosen = CHOICES[config.choice](pool, config.count, config.seed, config.gap)
    with ConsoleProgress("image") as progress:
        write_frames(videos, chosen, Path(config.out), progress)
    lost = len(chosen) - int(pool.is_found[chosen].sum())
    used = len(set(pool.subjects[chosen].tolist()))
    print(f"chose {len(chosen)} of {len(pool)} frames of {used} subjects; in {lost} of them no "
          "infant was found")  # fmt: skip
    print(f"label them with fidip app label={shown(config.out)}")
    if len(chosen) < config.count:
        report.partial.append(
            f"count={config.count}: only {len(chosen)} of {len(pool)} frames differ enough, which "
            f"are written; expected at most {len(chosen)}. Lower count or gap, or give more videos"
        )


@command("frames")
def main(config: DictConfig) -> None:
    """Run the command."""
    frames(config)


if __name__ == "__main__":
    main()
