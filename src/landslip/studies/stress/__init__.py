"""Stress tests: F1 under changes of light, resolution, registration and missing data."""
