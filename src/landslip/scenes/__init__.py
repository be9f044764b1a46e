"""GeoTIFFs and arrays as scenes: rasters of one place on one grid, channels by name."""
