"""Augmentation of whole batches, on the device that holds them: geometry, light and sensor, mixing, nodata.

All random numbers come from one generator on the CPU, so that every device draws the same ones. Nodata stays nodata.
"""

from landslip.training.augmentation.augment import Augmentation
from landslip.training.recipe.augmentation_section import AugmentationRecipe

__all__ = ["Augmentation", "AugmentationRecipe"]
