"""From photos and videos to key points that people can use: find, follow, smooth, draw, write."""

from fidip.core.crop_window import CropWindow
from fidip.inference.concurrency import BackgroundConsumer, latest, prefetch
from fidip.inference.overlay import VideoWriter
from fidip.inference.person_selection import Pose
from fidip.inference.predictor import Predictor
from fidip.inference.track import Track
from fidip.inference.tracker import SinglePersonTracker, search
from fidip.io.video import Frame, Video

__all__ = [
    "BackgroundConsumer",
    "CropWindow",
    "Frame",
    "Pose",
    "Predictor",
    "SinglePersonTracker",
    "Track",
    "Video",
    "VideoWriter",
    "latest",
    "prefetch",
    "search",
]
