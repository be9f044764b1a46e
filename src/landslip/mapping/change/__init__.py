"""Change in a map of two dates: its raster, attributes of polygons, and record."""
