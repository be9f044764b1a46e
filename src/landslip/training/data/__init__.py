"""Patches of a training part as batches of tensors: parts, sampling, targets."""
