"""Labelled patches: readers, checks, splits, leakage, statistics, batches."""
