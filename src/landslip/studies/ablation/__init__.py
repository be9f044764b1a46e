"""Channel ablation, with and without retraining."""
