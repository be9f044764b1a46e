"""SegmentationModule from other detectors: soft labels and pseudo-labels."""
