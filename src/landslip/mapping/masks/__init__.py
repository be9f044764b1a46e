"""Masks applied to a map: from a scene, settings and polygons to the code of each pixel."""
