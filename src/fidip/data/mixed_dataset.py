"""Labelled, replayed and unlabelled data as one dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from fidip.core.data_parts import DataPart
from fidip.core.people import Annotation
from fidip.core.samples import Sample, SampleKey
from fidip.data.dataset import PoseDataset, UnlabelledDataset


class MixedDataset(Dataset[Sample]):
    """Concatenation of labelled, replayed and unlabelled data, in this order.

    Args:
        labelled: labelled data to adapt to; may be empty.
        replayed: pretraining data, replayed against forgetting; None for none.
        unlabelled: data of the target without labels; None for none.
    """

    def __init__(
        self,
        labelled: PoseDataset,
        replayed: PoseDataset | None = None,
        unlabelled: UnlabelledDataset | None = None,
    ) -> None:
        self.labelled = labelled
        self.replayed = replayed
        self.unlabelled = unlabelled
        self._parts = [part for part in (labelled, replayed, unlabelled) if part is not None]
        self.annotations = [person for part in self._parts for person in part.annotations]

    def __len__(self) -> int:
        return len(self.annotations)

    def __getitem__(self, key: SampleKey) -> Sample:
        """Return the sample of a key; replayed samples have ``is_replayed`` set."""
        index = key.index
        for part in self._parts[:-1]:
            if index < len(part):
                break
            index -= len(part)
        else:
            part = self._parts[-1]
        sample = part[key._replace(index=index)]
        return replace(sample, index=key.index, is_replayed=part is self.replayed)

    @property
    def target(self) -> Sequence[Annotation]:
        """The people of the target: the unlabelled ones, or the real ones if there are none."""
        if self.unlabelled is not None:
            return self.unlabelled.annotations
        return [person for person in self.labelled.annotations if person.is_synthetic is False]

    @property
    def delivers(self) -> frozenset[DataPart]:
        """Parts that training batches contain."""
        known = [part for part in (self.labelled, self.replayed) if part is not None]
        domains = {person.is_synthetic for part in known for person in part.annotations}
        new = {person.is_synthetic for person in self.labelled.annotations}
        held = {
            DataPart.LABELLED_SOURCE: domains >= {True} and None not in domains,
            DataPart.LABELLED_TARGET: domains >= {False} and None not in domains,
            DataPart.UNLABELLED_TARGET: self.unlabelled is not None,
            DataPart.BOTH_DOMAINS: bool(new) if self.unlabelled else new == {True, False},
            DataPart.TARGET: bool(self.target),
            DataPart.REPLAY: self.replayed is not None,
        }
        return frozenset(part for part, is_held in held.items() if is_held)

    def groups(self, balanced: bool) -> list[NDArray[np.int64]]:
        """Return the indices of the groups that have equally many samples in every batch.

        Args:
            balanced: real and synthetic labelled samples are two groups.
        """
        synthetic = np.array([bool(a.is_synthetic) for a in self.labelled.annotations], dtype=bool)
        everyone = np.arange(len(synthetic))
        if balanced:
            groups = [everyone[synthetic], everyone[~synthetic]]
        elif self.unlabelled is None:  # two halves, so that a third of a batch is replayed
            groups = [everyone[::2], everyone[1::2]]
        else:
            groups = [everyone]
        end = len(everyone)
        for part in (self.replayed, self.unlabelled):
            if part is not None:
                groups.append(end + np.arange(len(part)))
                end += len(part)
        return [group for group in groups if len(group)]
