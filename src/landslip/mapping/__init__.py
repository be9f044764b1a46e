"""From a scene and a detector to a landslide map.

``lattice`` (which tiles) -> ``blending`` (how they join) -> ``predict`` (a window's probability) -> ``run`` (block by
block, resumable) -> ``outlines`` (landslides across blocks) -> ``attributes`` -> ``products`` (the files).
"""
