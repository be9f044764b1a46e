"""From arrays to probabilities: engines, tiles, gap filling, blending, test-time augmentation, export."""
