"""Losses: what a network is taught by, as a weighted sum of terms; pixels not observed add nothing to any of them."""

from landslip.training.losses.build import Loss, build_loss
from landslip.training.losses.recipe_section import LossRecipe

__all__ = ["Loss", "LossRecipe", "build_loss"]
