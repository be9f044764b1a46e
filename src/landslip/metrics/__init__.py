"""Counts, F1, thresholds, calibration and intervals: arrays in, numbers out."""
