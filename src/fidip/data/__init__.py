"""Datasets: annotations, crops, augmentation, sampling and data loaders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fidip.data.annotation_checks import require_image_files
from fidip.data.annotations import AnnotationFile, read_annotations
from fidip.data.annotator_pairs import SecondAnnotator, read_second_annotator
from fidip.data.augment import Augmentation
from fidip.data.clip_dataset import ClipDataset
from fidip.data.dataset import PoseDataset, UnlabelledDataset, read_image
from fidip.data.detections import read_detections
from fidip.data.leakage import count_leaked, image_hashes, trained_on
from fidip.data.mixed_dataset import MixedDataset
from fidip.data.sampler import BalancedSampler, EvalSampler, ShuffledSampler

if TYPE_CHECKING:
    from fidip.data.clip_datamodule import ClipDataModule
    from fidip.data.datamodule import SyripDataModule

__all__ = [
    "AnnotationFile",
    "Augmentation",
    "BalancedSampler",
    "ClipDataModule",
    "ClipDataset",
    "EvalSampler",
    "MixedDataset",
    "PoseDataset",
    "SecondAnnotator",
    "ShuffledSampler",
    "SyripDataModule",
    "UnlabelledDataset",
    "count_leaked",
    "image_hashes",
    "read_annotations",
    "read_detections",
    "read_image",
    "read_second_annotator",
    "require_image_files",
    "trained_on",
]


def __getattr__(name: str) -> Any:
    """Import data modules on first use, because importing Lightning takes seconds."""
    if name == "ClipDataModule":
        from fidip.data.clip_datamodule import ClipDataModule

        return ClipDataModule
    if name == "SyripDataModule":
        from fidip.data.datamodule import SyripDataModule

        return SyripDataModule
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
