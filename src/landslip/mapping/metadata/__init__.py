"""Metadata of a map for programs: summary, STAC item, list of files."""
