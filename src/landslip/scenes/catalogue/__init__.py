"""From an area and a date to a folder of rasters: search in a STAC catalogue, ranking, loading.

The extra ``scenes`` installs what it needs. ``fetch.py`` is the entry point.
"""
