"""Data module of datasets in SyRIP's layout."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

from torch.utils.data import DataLoader

from fidip.core.arrays import ImageSize
from fidip.core.people import Annotation, People
from fidip.core.samples import Sample
from fidip.data.annotation_checks import require_both_domains, require_image_files
from fidip.data.annotations import AnnotationFile, read_annotations, read_boxes
from fidip.data.augment import Augmentation
from fidip.data.dataset import PoseDataset, UnlabelledDataset, check_images
from fidip.data.layout import find_split
from fidip.data.mixed_dataset import MixedDataset
from fidip.data.pose_datamodule import PoseDataModule
from fidip.data.rendered_labels import LABELS3D, with_rendered_labels
from fidip.data.splits import split_validation, take_images, withhold_labels
from fidip.data.target_images import FindPeople, check_target

log = logging.getLogger(__name__)

AnnotationReader = Callable[..., AnnotationFile]
"""``read_annotations`` or ``read_boxes``."""


class SyripDataModule(PoseDataModule):
    """Data loaders for a dataset in SyRIP's layout.

    COCO and other datasets in the same layout work too; ``fidip.data.layout`` documents where
    splits are searched for. The test split is used for testing only: validation images are taken
    from the training split.

    Checkpoints store the hashes of all images that were used for training or validation, with or
    without labels, or shown to the domain head. ``setup`` refuses to train if a test image is among
    them.

    The unlabelled target are images that are trained on without their keypoints: those of
    ``target_split`` and ``target_images``, and with ``target_labels`` the real images of
    ``train_split`` beyond this number. Validation uses labels, so with ``target_labels`` its images
    are taken from those that keep their labels, and there is no validation with
    ``target_labels=0``: the last epoch is then tested. Every batch has equal numbers of labelled
    (of each domain if ``balanced``), replayed and unlabelled samples; without unlabelled ones, two
    thirds are labelled and one third replayed.

    Args:
        root: folder of the dataset.
        input_wh: (width, height) of the crops in px.
        batch_size: samples per batch and process; with two processes, a step takes twice as many.
        num_workers: worker processes per training process; 0 loads in the training process itself.
        augment: augmentation of training samples; None for none.
        balanced: make the labelled samples of a training batch half synthetic and half real.
        train_split, test_split, domain_split: names of the splits.
        val_fraction: fraction of the training images used for validation; 0 for no validation.
        real_images, synthetic_images: number of images of each domain to train on, drawn from those
            left after the validation split, see ``take_images``; None for all, 0 for none. With
            ``target_labels``, ``real_images`` counts images with and without labels.
        target_split: split that is trained on without its keypoints; None for none.
        target_images: folder of images without labels; without ``target_boxes`` also videos, a
            file, or a pattern of files; None for none.
        target_boxes: file in COCO's format with the boxes of the people in ``target_images``; its
            ``file_name`` are relative to this folder. None to find the people with ``find_people``.
        target_frames: number of frames that are taken from each video of ``target_images``.
        target_labels: number of real images of ``train_split`` that keep their labels, among them
            those for validation; the others become unlabelled target. ``all`` or None for all.
        replay_split: split of the pretraining data that fills a third of every batch; None for no
            replay.
        source_split: split that measures performance on the pretraining data; None for none.
        replay_augment: augmentation of replayed samples; None for none.
        seed: seed of the validation split, the drawn images, the order and the augmentation.
        skip_unusable: skip and count people that are too small to crop instead of raising an error.
        allow_leakage: train even if test images are among the training images.

    Attributes:
        train_json, test_json, test_images: the files that the sets were read from.
        find_people: finds the people in ``target_images``; ``fidip train`` sets it.
    """

    def __init__(
        self,
        *,
        root: str | Path,
        input_wh: ImageSize,
        batch_size: int = 20,
        num_workers: int = 2,
        augment: Augmentation | None = None,
        balanced: bool = False,
        train_split: str = "train_infant",
        test_split: str = "validate_infant",
        domain_split: str = "train_pre_infant",
        val_fraction: float = 0.1,
        real_images: int | None = None,
        synthetic_images: int | None = None,
        target_split: str | None = None,
        target_images: str | None = None,
        target_boxes: str | None = None,
        target_frames: int = 100,
        target_labels: int | Literal["all"] | None = None,
        replay_split: str | None = None,
        source_split: str | None = None,
        replay_augment: Augmentation | None = None,
        seed: int = 0,
        skip_unusable: bool = False,
        allow_leakage: bool = False,
    ) -> None:
        super().__init__(input_wh, batch_size, num_workers, balanced, seed, allow_leakage)
        self.root = Path(root)
        self.augment = augment
        self.train_split = train_split
        self.test_split = test_split
        self.domain_split = domain_split
        self.val_fraction = val_fraction
        self.real_images = real_images
        self.synthetic_images = synthetic_images
        self.target_split = target_split
        self.target_images = target_images
        self.target_boxes = target_boxes
        self.target_frames = target_frames
        self.target_labels = None if target_labels == "all" else target_labels
        self.replay_split = replay_split
        self.replay_augment = replay_augment
        self.source_split = source_split
        self.skip_unusable = skip_unusable
        self.find_people: FindPeople | None = None

    @property
    def train_json(self) -> Path:
        """Annotation file of the training split."""
        return find_split(self.root, self.train_split).json

    @property
    def test_json(self) -> Path:
        """Annotation file of the test split."""
        return find_split(self.root, self.test_split).json

    @property
    def test_images(self) -> Path:
        """Folder that the ``file_name`` of the first test image is relative to."""
        first = self.test_people.images[0]
        return first.path.parents[len(Path(first.file_name).parts) - 1]

    def prepare_data(self) -> None:
        """Find the people in ``target_images``, in one process of every machine."""
        if self.trainer is not None and self.trainer.state.fn == "fit":
            _ = self._target_people

    def setup(self, stage: str) -> None:
        """Read and check the annotations.

        The test split and its images are checked before training, so that errors are reported at
        the start and not after hours of training.

        Args:
            stage: ``test`` reads the test split only; ``validate`` and ``fit`` read all splits, and
                ``fit`` checks for leakage too.

        Raises:
            DatasetMissingError: there is no dataset at ``root``.
            DataError: a file is malformed, or test images are among the training images.
            ArgumentError: no training images are left, or there are fewer images than requested.
        """
        self.test_people = self._with_rendered_labels(
            self._read(self.test_split, needs_images=stage != "test").people, self.test_split
        )
        self.test_set = self.dataset(self.test_people)
        if self.source_split is not None:
            self.source_people = self._read(self.source_split).people
        if stage == "test":
            return
        people = self._read(self.train_split).people
        train, val, target = self._divide(people)
        if stage == "fit":
            target = [*target, *self._target_people]
        if self.balanced and self.target_labels != 0:
            require_both_domains(self.train_json, train)
        labelled = self._training_set(train)
        replayed, unlabelled = self._replayed(), self._unlabelled(target)
        is_mixed = replayed is not None or unlabelled is not None
        self.train_set = MixedDataset(labelled, replayed, unlabelled) if is_mixed else labelled
        self.val_people = self._with_rendered_labels(people.part(val), self.train_split)
        self.val_set = self.dataset(self.val_people)
        if stage == "fit":
            self._record([*self.train_set.annotations, *val])
            check_images(self.test_people)

    def _divide(
        self, people: People
    ) -> tuple[list[Annotation], list[Annotation], list[Annotation]]:
        """Return the people to train on, to validate on, and to train on without labels.

        Unlabelled people are read without their keypoints, so that no label can have an effect.
        """
        pool: Sequence[Annotation] = people
        target: list[Annotation] = []
        real, fraction = self.real_images, self.val_fraction
        if self.target_labels is not None:
            boxes = self._read(self.train_split, read_boxes).people
            pool, target = withhold_labels(people, boxes, self.target_labels, real, self.seed)
            real, fraction = None, fraction if self.target_labels else 0
        if self.target_split is not None:
            target = [*target, *self._read(self.target_split, read_boxes).people]
        train, val = split_validation(pool, fraction, self.seed)
        has_target = bool(target) or self.target_images is not None
        return take_images(train, real, self.synthetic_images, self.seed, has_target), val, target

    def _training_set(self, people: Sequence[Annotation]) -> PoseDataset:
        return PoseDataset(people, self.input_wh, self.augment, self.seed)

    def domain_dataloader(self) -> DataLoader[Sample]:
        """Return balanced batches of adults for pretraining the domain head.

        Raises:
            DataError: the split is missing, or does not contain both domains.
        """
        people = self._read(self.domain_split).people
        require_both_domains(find_split(self.root, self.domain_split).json, people)
        self._record(people)
        dataset = PoseDataset(people, self.input_wh, self.augment, self.seed)
        return self._loader(dataset, self._train_sampler(dataset, balanced=True))

    def _replayed(self) -> PoseDataset | None:
        if self.replay_split is None:
            return None
        people = self._read(self.replay_split).people
        return PoseDataset(people, self.input_wh, self.replay_augment, self.seed)

    @cached_property
    def _target_people(self) -> Sequence[Annotation]:
        """Return the people in ``target_images``."""
        images, boxes, find = self.target_images, self.target_boxes, self.find_people
        check_target(images, boxes, can_find=find is not None)
        if images is None:
            return []
        if boxes is not None:
            file = read_boxes(Path(boxes), Path(images), skip_unusable=self.skip_unusable)
            return self._checked(file).people
        assert find is not None, "checked by check_target"
        return find(images, self.target_frames)

    def _unlabelled(self, people: Sequence[Annotation]) -> UnlabelledDataset | None:
        if not people:
            return None
        return UnlabelledDataset(people, self.input_wh, self.augment, self.seed)

    def _read(
        self, name: str, read: AnnotationReader = read_annotations, needs_images: bool = True
    ) -> AnnotationFile:
        """Return the annotations of a split."""
        split = find_split(self.root, name)
        file = read(split.json, *split.image_dirs, skip_unusable=self.skip_unusable)
        return self._checked(file, needs_images)

    def _checked(self, file: AnnotationFile, needs_images: bool = True) -> AnnotationFile:
        """Return a file of image files; process 0 logs what was skipped."""
        if needs_images:
            require_image_files(file.path, file.people)
        if file.skipped and self._rank == 0:
            log.warning(file)
        return file

    def _with_rendered_labels(self, people: People, split: str) -> People:
        return with_rendered_labels(people, self.root / LABELS3D / split)
