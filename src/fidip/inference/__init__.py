"""From photos and videos to key points that people can use: find, follow, smooth, draw, write."""

from fidip.inference.track import Track

__all__ = ["Track"]
