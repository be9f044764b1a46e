"""Augmentation of a batch: where it lies, how it is lit, what of it is seen, what it is mixed with.

Works on whole batches where the values are, on a CPU or a GPU. All chance comes from one generator on the CPU, so that
every device draws the same. What is not observed stays not observed, whatever is done.
"""

from landslip.training.augmentation.augment import Augmentation
from landslip.training.recipe.augmentation_section import AugmentationRecipe

__all__ = ["Augmentation", "AugmentationRecipe"]
