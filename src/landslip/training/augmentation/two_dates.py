"""Augmentation of pairs of dates: what both share is changed together, what tells them apart is drawn for each.

Ground that is the same on both dates, whatever it is, is background; so is a landslide that is on the image before
only. Pairs in which the dates are exchanged, or in which parts are of one date, teach both.
"""

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from landslip.channels import BEFORE_SUFFIX, split_dates
from landslip.errors import RecipeError
from landslip.training.augmentation.augment import Augmentation
from landslip.training.augmentation.cover import draw_cover, draw_field
from landslip.training.augmentation.light import shift_bands
from landslip.training.augmentation.random_source import RandomSource
from landslip.training.data.target import Target
from landslip.training.recipe.augmentation_section import AugmentationRecipe
from landslip.training.recipe.dates_section import DatesRecipe

_WHOLE = 0.5
"""Probability that all of a patch is the same on both dates, where a part is."""
_SHADE_PX = 9
_LARGEST_SHADE = 3.0
_APART = ("haze", "haze_removal", "gain", "channel_gain", "channel_mixing", "gamma", "illumination", "noise", "blur",
          "band_shift_px", "snow", "shadow")  # fmt: skip
"""Steps that are drawn for each date."""


class PairAugmentation:
    """Augments batches of pairs; it holds no state, as ``Augmentation``.

    Example:
        >>> names = ("B04", "B03", "B02", "B04_before", "B03_before", "B02_before")
        >>> off, same = AugmentationRecipe.disabled(), DatesRecipe.disabled().model_copy(update={"exchange": 1.0})
        >>> values = torch.cat([torch.ones(1, 3, 32, 32), 2 * torch.ones(1, 3, 32, 32)], dim=1)
        >>> target = Target.of_masks(torch.ones((1, 32, 32), dtype=torch.uint8))
        >>> exchanged, target = PairAugmentation(off, same, names)(values, target, torch.Generator().manual_seed(1))
        >>> exchanged.mean(dim=(0, 2, 3)).tolist(), float(target.landslide.sum())
        ([2.0, 2.0, 2.0, 1.0, 1.0, 1.0], 0.0)
    """

    def __init__(self, recipe: AugmentationRecipe, dates: DatesRecipe, channels: Sequence[str]) -> None:
        """Set up an augmentation.

        Args:
            recipe: probabilities and strengths of the steps.
            dates: what tells the dates apart.
            channels: names, each both after and before.

        Raises:
            RecipeError: the dates have other channels, or a step that does not know dates is on.
        """
        self.channels = tuple(channels)
        after, before = split_dates(self.channels)
        if set(after) != set(before):
            raise RecipeError(
                f"dates need the same channels after and before, got {', '.join(after)} and {', '.join(before)}",
                parameter="channels",
            )
        if any(recipe.channel_dropout.values()) or recipe.crop_px or recipe.background_fill:
            raise RecipeError(
                "channel_dropout, crop_px and background_fill do not know dates: switch them off",
                parameter="augmentation",
            )
        off = AugmentationRecipe.disabled()
        apart = {name: getattr(recipe, name) for name in _APART}
        together = {name: getattr(off, name) for name in _APART}
        mixing = {"mixup": recipe.mixup, "cutmix": recipe.cutmix, "edge_nodata": recipe.edge_nodata,
                  "cloud_nodata": recipe.cloud_nodata, "cloud_cover": recipe.cloud_cover}  # fmt: skip
        moved = recipe.model_copy(update=together | {name: 0.0 for name in mixing if name != "cloud_cover"})
        self.dates = dates
        self.move = Augmentation(moved, self.channels)
        self.change_date = Augmentation(off.model_copy(update=apart), after)
        self.mix = Augmentation(off.model_copy(update=mixing), self.channels)
        self.after = torch.tensor([self.channels.index(name) for name in after])
        self.before = torch.tensor([self.channels.index(name + BEFORE_SUFFIX) for name in after])
        self.red, self.green = (after.index(name) if name in after else None for name in ("B04", "B03"))

    @torch.no_grad()
    def __call__(self, values: Tensor, target: Target, generator: torch.Generator) -> tuple[Tensor, Target]:
        """Augment a batch; the arguments are not changed.

        Args:
            values: (N, C, H, W) float32 of both dates.
            target: new landslides of the same patches.
            generator: on the CPU.
        """
        random = RandomSource(generator, values.device)
        values, target = self.move(values, target, generator)
        after, before = (values.index_select(1, indices.to(values.device)) for indices in (self.after, self.before))
        before, after, target = self._choose_dates(after, before, target, random)
        if self.dates.season:
            before = self._change_season(before, random)
            after = self._change_season(after, random)
        if self.dates.sun:
            before = change_sun(before, self.dates.sun * random.normal(len(before)))
        after, target = self.change_date(after, target, generator)
        # What snow hides before is not known to be new.
        seen = Target(torch.ones_like(target.landslide), torch.ones_like(target.valid))
        before, seen = self.change_date(before, seen, generator)
        target = Target(target.landslide, target.valid & ~((seen.landslide == 0) & (target.landslide > 0)))
        if self.dates.misregistration_px:
            before = self._move_before(before, random)
        values = torch.cat([after, before], dim=1).index_select(
            1, torch.cat([self.after, self.before]).argsort().to(values.device)
        )
        return self.mix(values, target, generator)

    def _choose_dates(
        self, after: Tensor, before: Tensor, target: Target, random: RandomSource
    ) -> tuple[Tensor, Tensor, Target]:
        """Exchange the dates of some pairs and make others, or parts of them, the same on both."""
        kind = random.uniform(len(after), 0, 1)
        rows = random.to_device((kind < self.dates.exchange).nonzero().flatten())
        exchanged = before[rows], after[rows]
        after, before = after.index_copy(0, rows, exchanged[0]), before.index_copy(0, rows, exchanged[1])
        landslide = target.landslide.index_fill(0, rows, 0)
        rows = (kind > 1 - self.dates.same).nonzero().flatten()
        if len(rows):
            part = draw_cover(len(rows), after.shape[2:], random).round()
            whole = (random.uniform(len(rows), 0, 1) < _WHOLE).to(part)[:, None, None]
            same = torch.maximum(part, random.to_device(whole))
            rows = random.to_device(rows)
            before = before.index_copy(0, rows, torch.lerp(before[rows], after[rows], same[:, None]))
            landslide = landslide.index_copy(0, rows, landslide[rows] * (1 - same))
        return before, after, Target(landslide, target.valid)

    def _change_season(self, values: Tensor, random: RandomSource) -> Tensor:
        """Change the colour of plants in half of the patches."""
        rows = random.choose(len(values), 0.5)
        if self.red is None or self.green is None or not len(rows):
            return values
        n, channels = len(rows), values.shape[1]
        brightness, reddening = (self.dates.season * random.normal(n) for _ in range(2))
        factors = 0.7 * brightness[:, None] + 0.25 * self.dates.season * random.normal(n, channels)
        factors[:, self.red] += 0.5 * reddening
        factors[:, self.green] -= 0.5 * reddening
        patchy = 1 + 0.5 * draw_field(n, values.shape[2:], random).clamp(-2, 2)
        rows = random.to_device(rows)
        change = partial(change_season, factors=factors, patchy=patchy, red=self.red, green=self.green)
        return values.index_copy(0, rows, change(values[rows]))

    def _move_before(self, before: Tensor, random: RandomSource) -> Tensor:
        n, largest = len(before), self.dates.misregistration_px
        # Mostly small, as after co-registration.
        length = largest * random.number(n, 0, 1) ** 2
        shift = functional.normalize(random.normal(n, 2), dim=1) * length[:, None]
        every = shift[:, None, :].expand(-1, before.shape[1], -1)
        return shift_bands(before, every, steps=math.ceil(largest))


def change_season(values: Tensor, factors: Tensor, patchy: Tensor, red: int, green: int) -> Tensor:
    """Multiply plants by a factor per channel.

    Args:
        values: (N, C, H, W).
        factors: (N, C) logarithms.
        patchy: (N, H, W) by which the logarithms are multiplied: not all plants change alike.
        red: index of the red channel.
        green: index of the green channel.
    """
    ratio = values[:, green] / values[:, red].clamp_min(1)
    ordered = ratio.flatten(1)[:, ::7].sort(dim=1).values
    low, high = (ordered[:, int(part * (ordered.shape[1] - 1)), None, None] for part in (0.2, 0.8))
    plants = ((ratio - low) / (high - low).clamp_min(1e-6)).clamp(0, 1) * patchy
    return values * torch.exp(factors[:, :, None, None] * plants[:, None])


def change_sun(values: Tensor, exponent: Tensor) -> Tensor:
    """Shade relief more or less, by a power (N,) of the brightness of the ground around each pixel."""
    brightness = values.mean(dim=1, keepdim=True)
    around = functional.avg_pool2d(brightness, _SHADE_PX, 1, _SHADE_PX // 2, count_include_pad=False)
    relative = (around / around.mean(dim=(2, 3), keepdim=True).clamp_min(1e-6)).clamp_min(0.1)
    shade = torch.exp(exponent[:, None, None, None] * torch.log(relative))
    return values * shade.clamp(1 / _LARGEST_SHADE, _LARGEST_SHADE)
