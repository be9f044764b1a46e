"""Training: recipe, networks, losses, augmentation, the loop, export to a detector. Needs the extra ``train``."""
