"""Metadata of a map: summary and STAC item."""
