"""Small made-up things to learn from: bright squares on dark ground, and a recipe that takes a second."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from landslip.datasets.loader import MemorySource
from landslip.datasets.patch_set import PatchStack
from landslip.training.data.feeding import LoadedPart
from landslip.training.recipe.recipe import Recipe

DETECTOR = {
    "title": "Squares",
    "data_name": "made-up squares",
    "trained_on": "made-up squares",
    "not_good_for": ("anything",),
    "licence": "none",
    "attribution": ("nobody",),
}


def squares(count: int, side_px: int = 32, seed: int = 0) -> PatchStack:
    """Ground of noise with one square each, brighter in red: what a network learns in a few steps."""
    chance = np.random.default_rng(seed)
    values = chance.normal(1000, 50, (count, 3, side_px, side_px)).astype(np.float32)
    masks = np.zeros((count, side_px, side_px), np.uint8)
    for mask in masks:
        top, left = chance.integers(0, side_px - 12, 2)
        mask[top : top + 12, left : left + 12] = 1
    values[:, 0] += 800.0 * masks
    return PatchStack(("B04", "B03", "B02"), values, masks)


def part_of(stack: PatchStack) -> LoadedPart:
    """A stack as a part that is ready to be fed."""
    return LoadedPart(
        source=MemorySource(stack),
        channels=stack.channels,
        keys=tuple(f"train/{number}" for number in range(len(stack))),
        scenes=("made",) * len(stack),
        landslide_share=(stack.masks == 1).mean(axis=(1, 2)),
        mean=stack.values.mean(axis=(0, 2, 3), dtype=np.float64),
        deviation=stack.values.std(axis=(2, 3), dtype=np.float64).mean(axis=0),
        unlabelled=0,
    )


def small_recipe(fit: Mapping[str, Any] = {}, **changes: Any) -> Recipe:
    """A tiny network for a few steps."""
    content: dict[str, Any] = {
        "name": "small",
        "train": {"scenes": ("made",)},
        "choose": {"scenes": ("other",)},
        "network": {"architecture": "plain-unet", "weights": "none", "decoder_channels": (8, 4)},
        "augmentation": {"gap": 0.0},
        "fit": {"epochs": 4, "batch": 4, "check_every": 1, "memory": 0.5, "learning_rate": 0.01, **fit},
        "log": {"tensorboard": False},
        "detector": DETECTOR,
    }
    return Recipe.model_validate(content | changes)
