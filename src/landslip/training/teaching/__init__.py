"""Learning from what other detectors say: distillation on the same patches, self-training on patches without truth."""
