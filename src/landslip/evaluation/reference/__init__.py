"""A finished map against a reference inventory or label raster."""
