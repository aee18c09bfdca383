"""Codecs, which convert keypoints to the maps of a network and back."""
