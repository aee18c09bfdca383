"""From photos and videos to key points that people can use: find, follow, smooth, draw, write."""

from fidip.inference.finding import Finder, search
from fidip.inference.media import Frame, Video
from fidip.inference.overlay import VideoWriter
from fidip.inference.people import Pose
from fidip.inference.predictor import Predictor, Window
from fidip.inference.threads import Behind, latest, prefetch
from fidip.inference.track import Track

__all__ = [
    "Behind",
    "Finder",
    "Frame",
    "Pose",
    "Predictor",
    "Track",
    "Video",
    "VideoWriter",
    "Window",
    "latest",
    "prefetch",
    "search",
]
