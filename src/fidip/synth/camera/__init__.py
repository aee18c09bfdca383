"""Camera: projection, placement, lens and sensor."""
