"""The landslides of a map: polygons, attributes, files."""
