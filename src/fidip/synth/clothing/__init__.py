"""Clothes, skin and materials."""
