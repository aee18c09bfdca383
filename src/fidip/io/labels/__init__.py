"""Readers of keypoint labels of other programs."""
