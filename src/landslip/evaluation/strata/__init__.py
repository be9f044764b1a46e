"""Where a detector fails: figures by what the ground is like, and its worst patches to look at."""
