"""A packed, memory-mapped store of patches (uint16, lossless)."""
