"""From probability to polygons with attributes, and their files."""
