"""Plan of ``fidip adapt``: the videos, the labels and the split, checked before anything runs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from fidip.cli.prediction_inputs import InputReport, sort_out
from fidip.cli.targets import instantiate
from fidip.core.data_parts import DataPart
from fidip.core.errors import ArgumentError, ConfigError, DataError
from fidip.data.adaptation_data import ImageSource, synthetic_source
from fidip.data.video_labels import LabelledFrame, VideoLabels, read_video_labels
from fidip.data.video_split import (
    VideoSplit,
    split_by_subject,
    split_by_video,
    spread_order,
    subset_sizes,
)
from fidip.inference.output_names import Input, name_inputs
from fidip.inference.subjects import subjects_of
from fidip.io.hashing import hash_files
from fidip.io.media_files import find_videos
from fidip.io.video import Video


@dataclass(frozen=True)
class Plan:
    """Videos, labels and subsets that the runs train and test on.

    Attributes:
        inputs: the videos that can be read.
        report: state of all videos.
        labels: the labelled frames.
        split: their split.
        subsets: training frames by name of the subset; each is in the next one.
        synthetic: rendered images of all subsets; None for none.
        uses_unlabelled: whether the method trains on unlabelled frames.
    """

    inputs: Sequence[Input]
    report: InputReport
    labels: VideoLabels
    split: VideoSplit
    subsets: Mapping[str, Sequence[LabelledFrame]]
    synthetic: ImageSource | None
    uses_unlabelled: bool

    @property
    def unlabelled(self) -> list[Input]:
        """Videos with frames to train on without labels; none is of the test side."""
        used = [each for each in self.inputs if each.name not in self.split.test_videos]
        return used if self.uses_unlabelled else []

    def table(self) -> list[list[str]]:
        """Return subject, video, side and number of labelled frames of each video."""
        count = Counter(frame.video for frame in self.labels.frames)
        sides = {True: "test", False: "training"}
        return [
            [subject, video, sides[video in self.split.test_videos], str(count[video])]
            for video, subject in sorted(
                self.labels.subjects.items(), key=lambda pair: (pair[1], pair[0])
            )
        ]


def make_plan(config: DictConfig) -> Plan:
    """Read the labels and split the videos.

    Raises:
        FidipError: a setting, a video or a label is wrong; nothing has been written.
    """
    inputs = name_inputs(find_videos(str(config.source)), Path(config.out))
    names = [each.name for each in inputs]
    subjects = dict(zip(names, subjects_of(inputs, config.subject), strict=True))
    labels = read_video_labels(Path(config.labels), subjects, config.subject)
    split = _split(config, labels)
    order = spread_order(split.train, config.seed)
    sizes = subset_sizes(config.counts, len(order))
    synthetic = None
    if config.synthetic:
        synthetic = synthetic_source(Path(config.synthetic), config.data.train_split)
    uses_unlabelled = _check_method(config, synthetic is not None)
    _check_batch(config.data.batch_size, 1 + (synthetic is not None) + uses_unlabelled)
    readable, report = openable(inputs)
    if not readable:
        report.finish(config.out)
    _require_different_videos(readable, split)
    subsets = {name: order[:size] for name, size in sizes.items()}
    return Plan(readable, report, labels, split, subsets, synthetic, uses_unlabelled)


def _split(config: DictConfig, labels: VideoLabels) -> VideoSplit:
    wanted = config.test_subjects
    if config.split == "video":
        if wanted is not None:
            raise ConfigError(
                "test_subjects: has no effect with split=video, which divides the videos of a "
                "subject; expected one of the two. Leave out one"
            )
        return split_by_video(labels.frames, config.seed)
    names = None
    if wanted is not None:
        names = [str(wanted)] if isinstance(wanted, (str, int)) else [str(name) for name in wanted]
    return split_by_subject(labels.frames, labels.subjects, names, config.seed)


def _check_method(config: DictConfig, has_synthetic: bool) -> bool:
    """Return whether the method uses unlabelled frames; refuse one that lacks data."""
    if config.method is None:
        return False
    method = instantiate(config.method)
    there = {DataPart.LABELLED_TARGET, DataPart.TARGET}
    there |= {DataPart.LABELLED_SOURCE} if has_synthetic else set()
    there |= {DataPart.UNLABELLED_TARGET} if config.unlabelled else set()
    there |= {DataPart.BOTH_DOMAINS} if has_synthetic or config.unlabelled else set()
    for part in sorted(method.needs - there, key=lambda part: part.name):
        hints = {
            DataPart.LABELLED_SOURCE: "give synthetic=DIR",
            DataPart.UNLABELLED_TARGET: f"unlabelled={config.unlabelled} leaves none",
            DataPart.BOTH_DOMAINS: "give synthetic=DIR or unlabelled=400",
        }
        raise ConfigError(
            f"method: {type(method).__name__} needs {part.title}; "
            f"{hints.get(part, 'which labelled videos are not')}. Choose another method, such as "
            "method=finetune"
        )
    return bool(config.unlabelled)


def _check_batch(size: int, groups: int) -> None:
    """Check that a batch can have equal numbers of each group of images."""
    if size % groups:
        raise ArgumentError(
            "data.batch_size",
            size,
            f"expected a multiple of {groups}, for equal numbers of labelled images and of those "
            "that are synthetic or unlabelled",
        )


def openable(inputs: Sequence[Input]) -> tuple[list[Input], InputReport]:
    """Return the videos with a frame that can be decoded, and a report that names the others.

    Args:
        inputs: the videos.
    """
    readable, report = sort_out(inputs)
    opened = []
    for each in readable:
        try:
            next(iter(Video(each.path)))
            opened.append(each)
        except DataError as error:
            report.failed.append(str(error))
    return opened, report


def _require_different_videos(inputs: Sequence[Input], split: VideoSplit) -> None:
    """Check that no video is on both sides under another name."""
    for same in _equal_files(inputs):
        sides = {each.name in split.test_videos: each.name for each in same}
        if len(sides) == 2:
            raise DataError(
                f"source: {sides[False]} and {sides[True]} are the same video, one for training "
                "and one for the test; expected each video once. Remove one"
            )


def _equal_files(inputs: Sequence[Input]) -> Iterator[list[Input]]:
    """Yield the videos with equal content; only those of equal size are read."""
    sizes: dict[int, list[Input]] = defaultdict(list)
    for each in inputs:
        sizes[each.path.stat().st_size].append(each)
    for candidates in sizes.values():
        contents: dict[str, list[Input]] = defaultdict(list)
        for each in candidates if len(candidates) > 1 else ():
            contents[hash_files([each.path])].append(each)
        yield from (same for same in contents.values() if len(same) > 1)
