"""Masks of a scene: what hides the ground, and what rules a landslide out."""
