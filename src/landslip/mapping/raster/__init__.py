"""The probability of a map as a raster: made, filled block by block, read behind the run that fills it."""
