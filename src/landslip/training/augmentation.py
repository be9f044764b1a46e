"""Augmentation of a batch: where it lies, how it is lit, what of it is seen. Reproducible from a seed.

Geometry moves image and mask together; light touches the image alone; a gap in observation marks the mask 255 and
fills the image with the patch's channel means, which is how pixels not observed reach a network when it maps.
"""

import math

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

from landslip.training import light

NOT_OBSERVED = 255


class AugmentationRecipe(BaseModel):
    """How strongly to augment; 0 switches a step off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dihedral: bool = True
    """The eight turns and flips of a square."""
    zoom: float = Field(default=0.25, ge=0, lt=1)
    """Scale drawn between 1 / (1 + zoom) and 1 + zoom, for half of the patches."""
    quiet: float = Field(default=0.0, ge=0, le=1)
    """Share of patches that become ground without a landslide, where they have a quarter without one."""
    gain: float = Field(default=2.0, ge=1)
    """Overall brightness drawn between 1 / gain and gain."""
    colour: float = Field(default=0.12, ge=0)
    """Deviation of the logarithm of each channel's own gain."""
    mixing: float = Field(default=0.0, ge=0, lt=1)
    """Most of a channel that is taken from the others, as on ground of other colours."""
    haze: float = Field(default=0.4, ge=0)
    """Most haze, as a share of the mean of the bluest channel."""
    clearing: float = Field(default=0.8, ge=0, le=1)
    """Most haze taken away, as a share of each channel's dark level."""
    contrast: float = Field(default=1.3, ge=1)
    """Exponent drawn between 1 / contrast and contrast."""
    shade: float = Field(default=0.2, ge=0, lt=1)
    """Deviation of the slow illumination field."""
    noise: float = Field(default=0.03, ge=0)
    """Most noise, as a share of each channel's mean."""
    blur: float = Field(default=0.7, ge=0, le=1)
    """Most blur, for a third of the patches."""
    gap: float = Field(default=0.1, ge=0, le=1)
    """Share of patches with a part that is not observed."""


class Augmentation:
    """Draws and applies augmentations from its own source of chance."""

    def __init__(self, recipe: AugmentationRecipe, wavelengths_nm: Tensor, seed: int) -> None:
        self.recipe = recipe
        self.wavelengths_nm = wavelengths_nm
        self.chance = torch.Generator().manual_seed(seed)

    def __call__(self, values: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        """Augment values (N, C, H, W) float32 with masks (N, H, W) uint8; H equals W for the turns."""
        if self.recipe.quiet:
            values, masks = self._quietened(values, masks)
        if self.recipe.dihedral:
            values, masks = self._turned(values, masks)
        if self.recipe.zoom:
            values, masks = self._zoomed(values, masks)
        values = self._lit(values)
        return self._with_gaps(values, masks)

    def _quietened(self, values: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        chosen = self._uniform(len(values), 0, 1) < self.recipe.quiet
        values, masks = values.clone(), masks.clone()
        for i in chosen.nonzero().flatten().tolist():
            which = int(self._uniform(1, 0, 4))
            quarters = quiet_quarters(values[i], masks[i])
            if quarters:
                values[i], masks[i] = mirrored(quarters[which % len(quarters)]), 0
        return values, masks

    def _turned(self, values: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        which = torch.randint(8, (len(values),), generator=self.chance).tolist()
        turned = [dihedral(image, k) for image, k in zip(values, which, strict=True)]
        return torch.stack(turned), torch.stack([dihedral(mask, k) for mask, k in zip(masks, which, strict=True)])

    def _zoomed(self, values: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        n = len(values)
        scale = torch.exp(self._uniform(n, -1, 1) * math.log1p(self.recipe.zoom))
        chosen = self._uniform(n, 0, 1) < 0.5
        angle = self._uniform(n, -math.pi, math.pi)
        if not bool(chosen.any()):
            return values, masks
        scale, angle = scale[chosen], angle[chosen]
        cos, sin, zero = torch.cos(angle) * scale, torch.sin(angle) * scale, torch.zeros_like(scale)
        matrix = torch.stack([torch.stack([cos, -sin, zero], 1), torch.stack([sin, cos, zero], 1)], 1)
        picked = values[chosen]
        grid = functional.affine_grid(matrix, list(picked.shape), align_corners=False)
        values, masks = values.clone(), masks.clone()
        values[chosen] = functional.grid_sample(picked, grid, padding_mode="reflection", align_corners=False)
        labels = masks[chosen].unsqueeze(1).float()
        moved = functional.grid_sample(labels, grid, mode="nearest", padding_mode="reflection", align_corners=False)
        masks[chosen] = moved.squeeze(1).to(masks.dtype)
        return values, masks

    def _lit(self, values: Tensor) -> Tensor:
        recipe, (n, channels) = self.recipe, values.shape[:2]
        if recipe.shade:
            field = 1 + recipe.shade * torch.randn((n, 1, 4, 4), generator=self.chance).clamp(-2, 2)
            values = light.shaded(values, field)
        if recipe.mixing:
            drawn = torch.rand((n, channels, channels), generator=self.chance) + 1e-3
            amount = self._uniform(n, 0, recipe.mixing)[:, None, None]
            shares = (1 - amount) * torch.eye(channels) + amount * drawn / drawn.sum(dim=2, keepdim=True)
            values = light.mixed(values, shares)
        if recipe.contrast > 1:
            values = light.contrasted(values, torch.exp(self._uniform(n, -1, 1) * math.log(recipe.contrast)))
        if recipe.blur:
            chosen = (self._uniform(n, 0, 1) < 1 / 3).float()
            values = light.blurred(values, chosen * self._uniform(n, 0, recipe.blur))
        if recipe.clearing or recipe.haze:
            # A third of the patches stays as it is, a third gets haze, a third loses it.
            kind = self._uniform(n, 0, 3)
            values = light.cleared(values, (kind < 1).float() * self._uniform(n, 0, recipe.clearing))
            values = light.hazed(values, (kind > 2).float() * self._uniform(n, 0, recipe.haze), self.wavelengths_nm)
        if recipe.colour:
            drawn = torch.randn((n, channels), generator=self.chance).clamp(-2, 2)
            values = light.gained(values, torch.exp(recipe.colour * drawn))
        if recipe.noise:
            noise = torch.randn(values.shape, generator=self.chance)
            values = light.noised(values, noise, self._uniform(n, 0, recipe.noise))
        if recipe.gain > 1:
            values = light.gained(values, torch.exp(self._uniform(n, -1, 1) * math.log(recipe.gain)))
        return values.clamp_min(0)

    def _with_gaps(self, values: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        n, (height, width) = len(values), masks.shape[1:]
        chosen = self._uniform(n, 0, 1) < self.recipe.gap
        values, masks = values.clone(), masks.clone()
        for i in chosen.nonzero().flatten().tolist():
            # All on one side of a row or a column, as at the edge of a scene; an eighth at least stays observed.
            side, share = torch.rand(2, generator=self.chance).tolist()
            gap = torch.zeros((height, width), dtype=torch.bool)
            gap[: round(7 / 8 * share * height)] = True
            gap = dihedral(gap, int(8 * side))
            masks[i][gap] = NOT_OBSERVED
            values[i] = torch.where(gap, values[i][:, ~gap].mean(dim=1)[:, None, None], values[i])
        return values, masks

    def _uniform(self, n: int, low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=self.chance)


def dihedral(image: Tensor, which: int) -> Tensor:
    """One of the eight turns and flips of a square (..., H, W): turned ``which % 4`` times, flipped from 4 on."""
    turned = torch.rot90(image, which % 4, dims=(-2, -1))
    return turned.flip(-1) if which >= 4 else turned


def quiet_quarters(image: Tensor, mask: Tensor) -> list[Tensor]:
    """The quarters (C, H / 2, W / 2) of an image (C, H, W) of which every pixel is known to be no landslide."""
    half_h, half_w = mask.shape[0] // 2, mask.shape[1] // 2
    places = [(slice(top, top + half_h), slice(left, left + half_w)) for top in (0, half_h) for left in (0, half_w)]
    return [image[:, rows, cols] for rows, cols in places if not bool(mask[rows, cols].any())]


def mirrored(quarter: Tensor) -> Tensor:
    """An image (C, 2 h, 2 w) of a quarter (C, h, w) and its mirror images: no seam, no other ground."""
    row = torch.cat([quarter, quarter.flip(-1)], dim=-1)
    return torch.cat([row, row.flip(-2)], dim=-2)
