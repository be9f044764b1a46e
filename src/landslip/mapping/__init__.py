"""From a scene and a detector to a landslide map.

``run`` settles a ``job``, takes a ``workspace`` and leads through the rooms: ``tiles`` (what the network sees and how
its answers join), ``raster`` (the probability of every pixel), ``inventory`` (the landslides), ``sheet`` (what people
look at) and ``record`` (what programs read).
"""
