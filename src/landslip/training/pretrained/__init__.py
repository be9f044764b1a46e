"""Detectors from pretrained weights of other projects."""
