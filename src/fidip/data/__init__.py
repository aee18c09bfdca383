"""Data sets on disk to batches: annotations, crops, augmentation and order."""

from fidip.data.annotations import AnnotationFile, read_annotations
from fidip.data.augment import Augmentation
from fidip.data.contamination import image_hashes, trained_on
from fidip.data.datamodule import SyripDataModule
from fidip.data.dataset import PoseDataset, read_image
from fidip.data.detections import read_detections
from fidip.data.sampler import BalancedSampler, EvalSampler, ShuffledSampler
from fidip.data.second_labels import read_second_labels

__all__ = [
    "AnnotationFile",
    "Augmentation",
    "BalancedSampler",
    "EvalSampler",
    "PoseDataset",
    "ShuffledSampler",
    "SyripDataModule",
    "image_hashes",
    "read_annotations",
    "read_detections",
    "read_image",
    "read_second_labels",
    "trained_on",
]
