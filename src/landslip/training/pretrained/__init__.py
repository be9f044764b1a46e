"""Detectors from weights that others trained and published."""
