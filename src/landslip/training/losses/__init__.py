"""Losses: what a network is taught by, as a weighted sum of terms; pixels not observed add nothing to any of them."""

from landslip.training.losses.build import Loss, LossRecipe, build_loss

__all__ = ["Loss", "LossRecipe", "build_loss"]
