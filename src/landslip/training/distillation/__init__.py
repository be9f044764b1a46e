"""Training on the predictions of other detectors: soft labels and pseudo-labels."""
