"""Ablation: what each channel is worth, to a detector as it is, and to one that never had it."""
