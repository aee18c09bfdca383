"""Prediction in photographs and videos: search, tracking, smoothing, overlays and files."""

from fidip.core.track import Track
from fidip.inference.concurrency import BackgroundConsumer, latest, prefetch
from fidip.inference.overlay import Overlay, VideoWriter
from fidip.inference.pipelines import CameraPipeline, ImagePipeline, VideoPipeline
from fidip.inference.predictor import Predictor
from fidip.inference.search import find_people, find_person
from fidip.inference.tracker import SinglePersonTracker
from fidip.io.video import Frame, Video

__all__ = [
    "BackgroundConsumer",
    "CameraPipeline",
    "Frame",
    "ImagePipeline",
    "Overlay",
    "Predictor",
    "SinglePersonTracker",
    "Track",
    "Video",
    "VideoPipeline",
    "VideoWriter",
    "find_people",
    "find_person",
    "latest",
    "prefetch",
]
