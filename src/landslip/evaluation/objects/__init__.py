"""Accuracy by landslide: matching, detection rates, boundaries, frequency-area distributions."""
