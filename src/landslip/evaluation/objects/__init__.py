"""Landslides as objects: inventories, matching, scores, outlines, frequency-area distributions."""
