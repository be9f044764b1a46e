"""Draws the light of each patch, and how the instrument takes it. Only spectral channels are lit."""

import torch
from torch import Tensor

from landslip.training.augmentation import light
from landslip.training.augmentation.random_source import Chance
from landslip.training.recipe.augmentation_section import AugmentationRecipe

_A_THIRD = 1 / 3
_HALF = 0.5
_SHADE_CELLS = 4
"""A shade goes from bright to dark over a third of the patch at the fastest."""


def lit(values: Tensor, wavelengths_nm: Tensor, recipe: AugmentationRecipe, chance: Chance) -> Tensor:
    """Change the light of spectral values (N, C, H, W) at random, partly in place; none ends below 0."""
    n, channels = values.shape[:2]
    seen = values
    if recipe.shade:
        field = 1 + recipe.shade * chance.normal(n, 1, _SHADE_CELLS, _SHADE_CELLS).clamp(-2, 2)
        seen = light.shaded(seen, field)
    if recipe.mixing:
        seen = light.mixed(seen, _mixture(n, channels, recipe.mixing, chance))
    if recipe.contrast > 1:
        seen = light.contrasted(seen, chance.factor(n, recipe.contrast))
    if recipe.blur:
        rows = chance.moved(chance.some(n, _A_THIRD))
        soft = light.blurred(seen[rows], chance.number(len(rows), 0, recipe.blur))
        seen.index_copy_(0, rows, soft)
    if recipe.shift_px:
        rows = chance.moved(chance.some(n, _HALF))
        shift = chance.number(len(rows) * channels * 2, -recipe.shift_px, recipe.shift_px).reshape(-1, channels, 2)
        seen.index_copy_(0, rows, light.misregistered(seen[rows], shift))
    if recipe.clearing or recipe.haze:
        _see_through_air(seen, wavelengths_nm, recipe, chance)
    if recipe.noise:
        seen = light.noised(seen, _noise(values.shape, chance), chance.number(n, 0, recipe.noise))
    # Noise is relative to the mean, so that gains before and after it are the same.
    if recipe.colour or recipe.gain > 1:
        cast = torch.exp(recipe.colour * chance.normal(n, channels).clamp(-2, 2))
        seen = light.gained(seen, cast * chance.factor(n, recipe.gain)[:, None])
    return seen.clamp_min_(0)


def _mixture(n: int, channels: int, most: float, chance: Chance) -> Tensor:
    drawn = chance.number(n * channels * channels, 1e-3, 1).reshape(n, channels, channels)
    amount = chance.number(n, 0, most)[:, None, None]
    eye = torch.eye(channels, device=drawn.device)
    return (1 - amount) * eye + amount * drawn / drawn.sum(dim=2, keepdim=True)


def _see_through_air(values: Tensor, wavelengths_nm: Tensor, recipe: AugmentationRecipe, chance: Chance) -> None:
    """A third of the patches stays as it is, a third gets haze, a third loses it; in place."""
    kind = chance.uniform(len(values), 0, 3)
    if recipe.clearing:
        rows = chance.moved((kind < 1).nonzero().flatten())
        clear = light.cleared(values[rows], chance.number(len(rows), 0, recipe.clearing), wavelengths_nm)
        values.index_copy_(0, rows, clear)
    if recipe.haze:
        rows = chance.moved((kind > 2).nonzero().flatten())
        hazy = light.hazed(values[rows], chance.number(len(rows), 0, recipe.haze), wavelengths_nm)
        values.index_copy_(0, rows, hazy)


def _noise(shape: torch.Size, chance: Chance) -> Tensor:
    """Unit noise of a shape (N, C, H, W): each patch a stretch at random out of one that is twice as long as a patch.

    Drawing noise is slow, and nobody can tell that patches of a batch share theirs, shifted.
    """
    size = shape[1:].numel()
    pool = chance.normal(2 * size)
    starts = torch.randint(size + 1, (shape[0],), generator=chance.generator).tolist()
    return torch.stack([pool[start : start + size] for start in starts]).reshape(shape)
