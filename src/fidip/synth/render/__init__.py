"""Rendering: meshes, rasterisation and light."""
