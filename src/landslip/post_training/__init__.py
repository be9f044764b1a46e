"""post_training."""
