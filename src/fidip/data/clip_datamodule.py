"""Data module of labelled clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fidip.core.errors import ArgumentError
from fidip.core.people import Annotation, ImageInfo, People
from fidip.data.annotations import AnnotationFile, read_annotations
from fidip.data.clip_dataset import ClipDataset
from fidip.data.datamodule import AnnotationReader, SyripDataModule
from fidip.data.layout import find_split
from fidip.data.video_frames import Windows, frame_windows, with_frame_files

OF_IMAGES = (
    *("real_images", "synthetic_images", "replay_split"),
    *("target_labels", "target_split", "target_images", "target_boxes"),
)
"""Arguments of ``SyripDataModule`` that select images."""


class ClipDataModule(SyripDataModule):
    """Data loaders for windows of frames of labelled clips, as ``fidip synthesize`` writes them.

    The videos of a split are in ``videos/SPLIT``; their frames are written to the cache once. Image
    files with ``video_id`` and ``frame_index`` work too. Validation takes whole videos, so that
    neighbouring frames are on one side.

    Args:
        past: number of frames before the target frame.
        future: number of frames after the target frame.
        margin: number of further frames on either side in training samples, see ``SequenceTask``.
        data: arguments of ``SyripDataModule`` for labelled images: ``root``, ``input_wh``,
            ``batch_size``, ``num_workers``, ``augment``, ``train_split``, ``test_split``,
            ``val_fraction`` (of the training videos), ``seed``, ``skip_unusable`` and
            ``allow_leakage``.

    Raises:
        ArgumentError: an argument selects images or an unlabelled target, which clips do not have.
    """

    def __init__(self, *, past: int, future: int, margin: int = 0, **data: Any) -> None:
        for name in OF_IMAGES:
            if data.get(name) is not None:
                raise ArgumentError(
                    name, data[name], "does not apply to clips; expected none. Leave it out"
                )
        super().__init__(**data)
        self.past = past
        self.future = future
        self.margin = margin
        self._images: dict[str, Sequence[ImageInfo]] = {}  # by split

    def prepare_data(self) -> None:
        """Write the frames of all videos to the cache, in one process of every machine."""
        for name in dict.fromkeys((self.train_split, self.test_split)):
            self._read(name)

    def dataset(self, people: Sequence[Annotation], clip_boxes: bool = True) -> ClipDataset:
        """Return the dataset of people for validation, test and evaluation.

        Args:
            people: people in images of the data that ``setup`` has read.
            clip_boxes: clip boxes to their image before cropping.
        """
        windows = self._windows(self.past, self.future)
        return ClipDataset(people, windows, self.input_wh, clip_boxes=clip_boxes)

    def _training_set(self, people: Sequence[Annotation]) -> ClipDataset:
        windows = self._windows(self.past + self.margin, self.future + self.margin)
        return ClipDataset(people, windows, self.input_wh, self.augment, self.seed)

    def _divide(
        self, people: People
    ) -> tuple[list[Annotation], list[Annotation], list[Annotation]]:
        videos = {image.id: _clip_of(image) for image in people.images}
        clips = sorted({videos[person.image_id] for person in people})
        count = max(1, round(self.val_fraction * len(clips))) if self.val_fraction else 0
        if count >= len(clips):
            raise ArgumentError(
                "val_fraction",
                self.val_fraction,
                f"takes {count} of {len(clips)} videos for validation; expected videos left for "
                "training",
            )
        chosen = set(np.random.default_rng(self.seed).permutation(clips)[:count].tolist())
        train = [person for person in people if videos[person.image_id] not in chosen]
        return train, [person for person in people if videos[person.image_id] in chosen], []

    def _read(
        self, name: str, read: AnnotationReader = read_annotations, needs_images: bool = True
    ) -> AnnotationFile:
        split = find_split(self.root, name)
        folders = (self.root / "videos" / name, *split.image_dirs)
        file = self._checked(read(split.json, *folders, skip_unusable=self.skip_unusable), False)
        people = with_frame_files(file.people)
        self._images[name] = people.images
        return replace(file, people=people)

    def _windows(self, past: int, future: int) -> Windows:
        """Return the windows around all images; names of videos are unique in a split only."""
        splits = [frame_windows(images, past, future) for images in self._images.values()]
        return {path: window for windows in splits for path, window in windows.items()}


def _clip_of(image: ImageInfo) -> str:
    """Return the name of an image's video, or its own name for a photograph."""
    return image.video or image.file_name
