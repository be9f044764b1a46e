"""Fine-tuning of a detector to a place: its network rebuilt, labels of the place, a few epochs, a new detector."""
