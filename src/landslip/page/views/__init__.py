"""What a visitor sees: Predict, Compare, Explore, Detectors."""
