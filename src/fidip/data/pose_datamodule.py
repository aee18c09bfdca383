"""Base of the data modules: loaders of datasets, and a record of the training images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from fidip.core.arrays import ImageSize
from fidip.core.data_parts import DataPart
from fidip.core.people import Annotation, People
from fidip.core.samples import Batch, Sample, SampleKey
from fidip.data.dataset import PoseDataset, UnlabelledDataset
from fidip.data.leakage import image_hashes, trained_on
from fidip.data.mixed_dataset import MixedDataset
from fidip.data.sampler import (
    BalancedSampler,
    EvalSampler,
    MixedSampler,
    ShuffledSampler,
)
from fidip.nn.weights.checkpoint_files import TRAINING_IMAGES


class PoseDataModule(pl.LightningDataModule):
    """Data loaders of the datasets that ``setup`` of a subclass makes.

    Args:
        input_wh: (width, height) of the crops in px.
        batch_size: samples per batch and process.
        num_workers: worker processes per training process; 0 loads in the training process itself.
        balanced: make the labelled samples of a training batch half synthetic and half real.
        seed: seed of the order of the samples.
        allow_leakage: train even if test images are among the training images.

    Attributes:
        training_images: hashes of the images that the network has seen. Those of pretrained weights
            may be added before ``setup``.
        train_set: the training set, a ``MixedDataset`` if it has replayed or unlabelled data.
        val_set, test_set: the validation and test sets.
        val_people, test_people: the people that predictions on these sets are scored against.
        source_people: people of the pretraining data to test forgetting on, if there are any.
        leaked: test images that are among the training images; known after ``setup("fit")``.
    """

    train_set: PoseDataset | MixedDataset
    val_set: PoseDataset
    test_set: PoseDataset
    val_people: People
    test_people: People
    source_people: People

    def __init__(
        self,
        input_wh: ImageSize,
        batch_size: int,
        num_workers: int,
        balanced: bool,
        seed: int,
        allow_leakage: bool,
    ) -> None:
        super().__init__()
        self.input_wh = (input_wh[0], input_wh[1])
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.balanced = balanced
        self.seed = seed
        self.allow_leakage = allow_leakage
        self.training_images: set[str] = set()
        self.leaked: list[Path] = []

    @property
    def delivers(self) -> frozenset[DataPart]:
        """Parts that training batches contain; known after ``setup``."""
        return self._mixed.delivers

    @property
    def has_labels(self) -> bool:
        """Whether training batches contain labelled samples; known after ``setup``."""
        return bool(self._mixed.labelled) or self._mixed.replayed is not None

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a checkpoint stores: the hashes of the training images."""
        return {TRAINING_IMAGES: sorted(self.training_images)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Add the hashes of the training images of an interrupted run."""
        self.training_images.update(state_dict[TRAINING_IMAGES])

    def train_dataloader(self) -> DataLoader[Sample]:
        """Return the loader of training batches."""
        if isinstance(self.train_set, MixedDataset):
            return self._loader(self.train_set, self._mixed_sampler(self.train_set))
        return self._loader(self.train_set, self._train_sampler(self.train_set, self.balanced))

    def val_dataloader(self) -> DataLoader[Sample] | list[DataLoader[Sample]]:
        """Return the loader of validation batches; an empty list without validation."""
        return self.eval_dataloader(self.val_set) if len(self.val_set) else []

    def test_dataloader(self) -> DataLoader[Sample]:
        """Return the loader of test batches."""
        return self.eval_dataloader(self.test_set)

    def source_dataloader(self) -> DataLoader[Sample]:
        """Return the loader of ``source_people``, without augmentation."""
        return self.eval_dataloader(self.dataset(self.source_people))

    def target_dataloader(self, at_most: int | None = None) -> DataLoader[Sample]:
        """Return the loader of the target domain, without labels and without augmentation.

        Unlabelled training samples are the target, or the labelled real ones if there are none.
        Every process loads all of them, in an order drawn by the seed: batches with the frames of
        one video would have statistics of their own.

        Args:
            at_most: maximum number of samples, evenly spaced in the data; None for all.
        """
        people = self._mixed.target
        step = max(1, -(-len(people) // at_most)) if at_most else 1
        chosen = people[::step]
        order = np.random.default_rng(self.seed).permutation(len(chosen))
        dataset = UnlabelledDataset([chosen[number] for number in order], self.input_wh)
        return self._loader(dataset, EvalSampler(len(dataset)))

    def eval_dataloader(self, dataset: PoseDataset) -> DataLoader[Sample]:
        """Return a loader of a dataset that has each sample once, in order.

        Args:
            dataset: the samples, divided between the processes of the trainer.
        """
        return self._loader(dataset, EvalSampler(len(dataset), self._rank, self._world_size))

    def dataset(self, people: Sequence[Annotation], clip_boxes: bool = True) -> PoseDataset:
        """Return the dataset of people for validation, test and evaluation.

        Args:
            people: people in images of the data that ``setup`` has read.
            clip_boxes: clip boxes to their image before cropping.
        """
        return PoseDataset(people, self.input_wh, clip_boxes=clip_boxes)

    def _record(self, people: Sequence[Annotation]) -> None:
        """Add the images of ``people`` to the training images and check for leakage."""
        self.training_images.update(image_hashes(a.image_path for a in people).values())
        test = image_hashes(a.image_path for a in self.test_set.annotations)
        self.leaked = trained_on(test, self.training_images, self.allow_leakage)

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

    def _mixed_sampler(self, dataset: MixedDataset) -> MixedSampler:
        groups = dataset.groups(self.balanced)
        return MixedSampler(groups, self.batch_size, self.seed, self._rank, self._world_size)

    @property
    def _mixed(self) -> MixedDataset:
        dataset = self.train_set
        return dataset if isinstance(dataset, MixedDataset) else MixedDataset(dataset)

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
            # Without a generator of its own, the loader would draw from PyTorch's global one and
            # break bit-exact resume.
            generator=torch.Generator().manual_seed(self.seed),
        )


def _one_thread(worker: int) -> None:
    """Limit OpenCV to one thread per worker, because the workers already use all cores."""
    cv2.setNumThreads(0)
