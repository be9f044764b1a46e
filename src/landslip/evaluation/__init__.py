"""Evaluation: what a detector's map is worth, against patches whose truth is known."""
