"""Scene recovery: which patches lay side by side, found from their edges alone, and the mosaic they make."""
