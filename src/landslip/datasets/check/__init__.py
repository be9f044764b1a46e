"""Checks of a Landslide4Sense folder."""
