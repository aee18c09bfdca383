"""SyRIP, and whatever lies on disk like it, as the loaders of a training run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from fidip.core.data_parts import DataPart
from fidip.core.types import Annotation, Batch, ImageSize, People, Sample, SampleKey
from fidip.data.annotations import AnnotationFile, read_annotations, require_both_domains
from fidip.data.augment import Augmentation
from fidip.data.dataset import PoseDataset, WithReplay, check_images
from fidip.data.layout import find_split
from fidip.data.leakage import image_hashes, trained_on
from fidip.data.sampler import (
    BalancedSampler,
    EvalSampler,
    ReplaySampler,
    ShuffledSampler,
)
from fidip.data.splits import split_validation, take_images
from fidip.nn.weights.checkpoint_files import TRAINING_IMAGES

log = logging.getLogger(__name__)


class SyripDataModule(pl.LightningDataModule):
    """Loaders of a data set in SyRIP's layout.

    COCO's adults lie the same way; ``fidip.data.layout`` tells where splits are looked for. The
    test split is only ever tested on: what training selects by is cut from the training split.

    Checkpoints keep the hashes of all images that were trained on, validated on, or shown to the
    domain head. Training ends before it starts where a test image is among them.

    Args:
        root: folder of the data set.
        input_wh: (width, height) of the crops in px.
        batch_size: samples of one batch of one process; two processes take twice as many a step.
        num_workers: processes that load for each process; 0 loads in the process itself.
        augment: of the training samples; None for none.
        balanced: training batches are half synthetic, half real.
        train_split, test_split, domain_split: names of the splits.
        val_fraction: part of the training images that validation takes; 0 for no validation.
        real_images, synthetic_images: how many of them to train on, drawn from what validation
            leaves, see ``take_images``; None for all, 0 for none.
        replay_split: name of a split of the data that the network was pretrained on; a third of
            every batch is taken from it. None for no replay.
        source_split: name of a split that tests what is left of pretraining; None for none.
        replay_augment: how replayed samples are augmented; None for not at all.
        seed: of the validation cut, the draw, the order and the augmentation.
        skip_unusable: leave out, and count, people too small to crop, who are an error otherwise.
        allow_leakage: train even though test images are trained on.

    Attributes:
        training_images: hashes of what the network has seen; those that weights to start from
            bring along may be added before ``setup``.

    Attributes, after ``setup``:
        train_set: what is trained on, a ``WithReplay`` where there is a ``replay_split``.
        val_set, test_set: the PoseDatasets.
        val_people, test_people: whom the latter two are scored against.
        source_people: the people of ``source_split``, if there is one.
        train_json, test_json, test_images: where they come from.
        leaked: test images that are trained on; of ``setup("fit")`` alone.
    """

    train_set: PoseDataset | WithReplay
    val_set: PoseDataset
    test_set: PoseDataset
    val_people: People
    test_people: People
    source_people: People

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
        replay_split: str | None = None,
        source_split: str | None = None,
        replay_augment: Augmentation | None = None,
        seed: int = 0,
        skip_unusable: bool = False,
        allow_leakage: bool = False,
    ) -> None:
        super().__init__()
        self.root = Path(root)
        self.input_wh = (input_wh[0], input_wh[1])
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.augment = augment
        self.balanced = balanced
        self.train_split = train_split
        self.test_split = test_split
        self.domain_split = domain_split
        self.val_fraction = val_fraction
        self.real_images = real_images
        self.synthetic_images = synthetic_images
        self.replay_split = replay_split
        self.replay_augment = replay_augment
        self.source_split = source_split
        self.seed = seed
        self.skip_unusable = skip_unusable
        self.allow_leakage = allow_leakage
        self.training_images: set[str] = set()
        self.leaked: list[Path] = []

    @property
    def train_json(self) -> Path:
        return find_split(self.root, self.train_split).json

    @property
    def test_json(self) -> Path:
        return find_split(self.root, self.test_split).json

    @property
    def test_images(self) -> Path:
        """The folder that the first test image's ``file_name`` is relative to."""
        first = self.test_people.images[0]
        return first.path.parents[len(Path(first.file_name).parts) - 1]

    def setup(self, stage: str) -> None:
        """Read and check the annotations.

        The test split and its images are read before training, too: its mistakes should show now, not
        hours later.

        Args:
            stage: ``test`` for the test split alone, ``validate`` for all splits, ``fit`` to train.

        Raises:
            DatasetMissingError: there is no data set at ``root``.
            DataError: its files are not what they should be, or test images are trained on.
            ConfigError: nothing is left to train on, or there are not as many images as asked for.
        """
        self.test_people = self._read(self.test_split).people
        self.test_set = PoseDataset(self.test_people, self.input_wh)
        if self.source_split is not None:
            self.source_people = self._read(self.source_split).people
        if stage == "test":
            return
        people = self._read(self.train_split).people
        train, val = split_validation(people, self.val_fraction, self.seed)
        train = take_images(train, self.real_images, self.synthetic_images, self.seed)
        if self.balanced:
            require_both_domains(self.train_json, train)
        new = PoseDataset(train, self.input_wh, self.augment, self.seed)
        replayed = self._replayed()
        self.train_set = WithReplay(new, replayed) if replayed else new
        self.val_people = people.part(val)
        self.val_set = PoseDataset(self.val_people, self.input_wh)
        if stage == "fit":
            self._record([*self.train_set.annotations, *val])
            check_images(self.test_people)

    @property
    def delivers(self) -> frozenset[DataPart]:
        """Return what training batches hold; known after ``setup``."""
        domains = {person.is_synthetic for person in self.train_set.annotations}
        held = {
            DataPart.LABELLED_SOURCE: domains >= {True} and None not in domains,
            DataPart.LABELLED_TARGET: domains >= {False} and None not in domains,
            DataPart.REPLAY: isinstance(self.train_set, WithReplay),
        }
        return frozenset(part for part, is_held in held.items() if is_held)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {TRAINING_IMAGES: sorted(self.training_images)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what an interrupted run has seen."""
        self.training_images.update(state_dict[TRAINING_IMAGES])

    def train_dataloader(self) -> DataLoader[Sample]:
        if isinstance(self.train_set, WithReplay):
            return self._loader(self.train_set, self._replay_sampler(self.train_set))
        return self._loader(self.train_set, self._train_sampler(self.train_set, self.balanced))

    def val_dataloader(self) -> DataLoader[Sample] | list[DataLoader[Sample]]:
        return self._eval_loader(self.val_set) if len(self.val_set) else []

    def test_dataloader(self) -> DataLoader[Sample]:
        return self._eval_loader(self.test_set)

    def source_dataloader(self) -> DataLoader[Sample]:
        """The people of ``source_split``, as they are tested."""
        return self._eval_loader(PoseDataset(self.source_people, self.input_wh))

    def domain_dataloader(self) -> DataLoader[Sample]:
        """Balanced batches of adults, on which the domain head learns before the adaptation.

        Raises:
            DataError: the split is missing or does not hold both domains.
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

    def _record(self, people: Sequence[Annotation]) -> None:
        """Remember the images of ``people``, and refuse to see those that are tested on."""
        self.training_images.update(image_hashes(a.image_path for a in people).values())
        test = image_hashes(a.image_path for a in self.test_set.annotations)
        self.leaked = trained_on(test, self.training_images, self.allow_leakage)

    def _read(self, name: str) -> AnnotationFile:
        """The annotations of a split; what was left out of them is logged by one process."""
        split = find_split(self.root, name)
        file = read_annotations(split.json, *split.image_dirs, skip_unusable=self.skip_unusable)
        if file.skipped and self._rank == 0:
            log.warning(file)
        return file

    @property
    def _rank(self) -> int:
        return self.trainer.global_rank if self.trainer else 0

    @property
    def _world_size(self) -> int:
        return self.trainer.world_size if self.trainer else 1

    def _train_sampler(
        self, dataset: PoseDataset, balanced: bool
    ) -> BalancedSampler | ShuffledSampler:
        options = (self.batch_size, self.seed, self._rank, self._world_size)
        if balanced:
            domains = [bool(person.is_synthetic) for person in dataset.annotations]
            return BalancedSampler(domains, *options)
        return ShuffledSampler(len(dataset), *options)

    def _replay_sampler(self, dataset: WithReplay) -> ReplaySampler:
        new = dataset.new.annotations
        domains = [bool(person.is_synthetic) for person in new] if self.balanced else None
        counts = len(new), len(dataset.replayed)
        return ReplaySampler(
            domains, *counts, self.batch_size, self.seed, self._rank, self._world_size
        )

    def _eval_loader(self, dataset: PoseDataset) -> DataLoader[Sample]:
        return self._loader(dataset, EvalSampler(len(dataset), self._rank, self._world_size))

    def _loader(self, dataset: Dataset[Sample], sampler: Sampler[SampleKey]) -> DataLoader[Sample]:
        return DataLoader(
            dataset,
            batch_size=self.batch_size,
            sampler=sampler,
            num_workers=self.num_workers,
            collate_fn=Batch.collate,
            worker_init_fn=_one_thread,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=self.num_workers > 0,
            # A loader that draws from PyTorch's generator would move it once more after a resume.
            generator=torch.Generator().manual_seed(self.seed),
        )


def _one_thread(worker: int) -> None:
    """Workers are many; OpenCV's threads in each would only get in one another's way."""
    cv2.setNumThreads(0)
