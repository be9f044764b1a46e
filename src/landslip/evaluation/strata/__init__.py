"""Accuracy by terrain, land cover and illumination."""
