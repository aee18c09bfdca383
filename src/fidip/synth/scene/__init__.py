"""Scenes: people, surroundings, camera and light of one image, and their picture."""
