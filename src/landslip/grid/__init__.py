"""Geometry of pixel grids without I/O: windows, tiles, alignment, resampling, terrain."""
