"""The probability raster of a map: written block by block, resumable."""
