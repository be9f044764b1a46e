"""What programs read: the summary of a map and its STAC item."""
