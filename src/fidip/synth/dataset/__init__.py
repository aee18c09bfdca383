"""Datasets: writers of stills and clips, and their fingerprints."""
