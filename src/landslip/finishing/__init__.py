"""What makes a trained detector a finished one: ensembles, turns, temperature, threshold, confidence. No torch."""
