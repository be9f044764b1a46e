"""Studies that need many runs: cross-validation, ablation, stress tests, physics terms."""
