"""Draws and applies the augmentation of a batch, step by step."""

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from landslip.errors import RecipeError
from landslip.training.augmentation.gaps import draw_absent, dropped, hide_some
from landslip.training.augmentation.geometry import turned, windowed, zoomed
from landslip.training.augmentation.kinds import ChannelKinds
from landslip.training.augmentation.lighting import lit
from landslip.training.augmentation.mixing import mix_some, quietened
from landslip.training.augmentation.random_source import Chance, change_at
from landslip.training.data.target import Target
from landslip.training.recipe.augmentation_section import AugmentationRecipe

_ZOOMED_SHARE = 0.5


class Augmentation:
    """Augments batches of certain channels; holds no state, all chance comes with the call."""

    def __init__(self, recipe: AugmentationRecipe, channels: Sequence[str], means: Tensor | None = None) -> None:
        """Set up an augmentation.

        Args:
            recipe: how strongly to augment.
            channels: their names, in order.
            means: (C,) mean of each channel over the training part: what an absent channel reads. Needed for dropout.

        Raises:
            ChannelError: a channel is unknown.
            RecipeError: dropout names a channel that is not there, or lacks the means; a direction lacks a part.
        """
        self.recipe = recipe
        self.channels = tuple(channels)
        self.kinds = ChannelKinds.of(self.channels)
        strangers = [name for name in recipe.dropout if name not in self.channels]
        if strangers:
            raise RecipeError(
                f"augmentation.dropout names {', '.join(strangers)}, which is not among the channels: "
                f"name some of {', '.join(self.channels)}"
            )
        self.dropout = torch.tensor([recipe.dropout.get(name, 0.0) for name in self.channels])
        if bool(self.dropout.any()) and means is None:
            raise RecipeError(
                "augmentation.dropout needs to know what an absent channel reads: give the training means"
            )
        self.means = means

    @torch.no_grad()
    def __call__(self, values: Tensor, target: Target, chance: torch.Generator) -> tuple[Tensor, Target]:
        """Augment a batch; what is given stays as it is.

        Args:
            values: (N, C, H, W) float32, in DN, degrees and metres, each a number.
            target: of the same patches, on the same device.
            chance: a generator on the CPU; the same state draws the same.
        """
        recipe, draw = self.recipe, Chance(chance, values.device)
        # From here on the steps may work in place.
        values, target = values.clone(), Target(target.landslide.clone(), target.observed.clone())
        if recipe.window_px is not None:
            values, target = windowed(values, target, recipe.window_px, draw)
        if recipe.quiet:
            self._quieten(values, target, draw)
        if recipe.dihedral:
            values, target = self._turned(values, target, draw)
        if recipe.zoom or recipe.rotation_deg or recipe.crop:
            self._zoom(values, target, draw)
        if recipe.lights:
            values = self._lit(values, draw)
        if recipe.mix_up or recipe.cut_mix:
            mix_some(values, target, recipe, draw)
        if recipe.gap or recipe.cloud:
            hide_some(values, target, recipe, draw)
        if self.means is not None and any(recipe.dropout.values()):
            absent = draw.moved(draw_absent(len(values), self.dropout, draw))
            values = dropped(values, absent, self.means.to(values))
        return values, target

    def _quieten(self, values: Tensor, target: Target, draw: Chance) -> None:
        rows = draw.some(len(values), self.recipe.quiet)
        wish = draw.number(4 * len(rows), 0.5, 1).reshape(-1, 4)
        pairs = self.kinds.directions
        change_at(draw.moved(rows), values, target, partial(quietened, wish=wish, pairs=pairs))

    def _turned(self, values: Tensor, target: Target, draw: Chance) -> tuple[Tensor, Target]:
        which = torch.randint(8, (len(values),), generator=draw.generator)
        if values.shape[2] != values.shape[3]:
            which = which // 2 * 2
        return turned(values, target, which, self.kinds.directions)

    def _zoom(self, values: Tensor, target: Target, draw: Chance) -> None:
        recipe = self.recipe
        rows = draw.some(len(values), _ZOOMED_SHARE)
        most = math.radians(recipe.rotation_deg)
        angle, cut = draw.number(len(rows), -most, most), draw.number(len(rows), 0, recipe.crop)
        scale = draw.factor(len(rows), 1 + recipe.zoom) * (1 - cut)
        centre = cut * draw.number(2 * len(rows), -1, 1).reshape(2, -1)
        pairs = self.kinds.directions
        window = partial(zoomed, scale=scale, angle=angle, centre=centre, pairs=pairs)
        change_at(draw.moved(rows), values, target, window)

    def _lit(self, values: Tensor, draw: Chance) -> Tensor:
        spectral, nm = self.kinds.spectral, self.kinds.wavelengths_nm
        if len(spectral) == values.shape[1]:
            return lit(values, nm, self.recipe, draw)
        if not spectral:
            return values
        places = torch.tensor(spectral, device=values.device)
        return values.index_copy_(1, places, lit(values.index_select(1, places), nm, self.recipe, draw))
