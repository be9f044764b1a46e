"""Truth from anywhere: polygons or a label raster against a finished landslide map."""
