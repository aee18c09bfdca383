"""Pipelines from photographs, videos and cameras to poses and files."""

from fidip.inference.pipelines.camera_pipeline import CameraPipeline
from fidip.inference.pipelines.image_pipeline import Boxes, ImagePipeline
from fidip.inference.pipelines.video_pipeline import VideoPipeline, damage_line

__all__ = ["Boxes", "CameraPipeline", "ImagePipeline", "VideoPipeline", "damage_line"]
