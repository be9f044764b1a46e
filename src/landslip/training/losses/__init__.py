"""Losses: weighted sums of terms over the valid pixels of a batch."""

from landslip.training.losses.build import Loss, LossRecipe, build_loss

__all__ = ["Loss", "LossRecipe", "build_loss"]
