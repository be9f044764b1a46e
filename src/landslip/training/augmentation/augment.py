"""Draws and applies the augmentation of a batch, step by step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Self

import torch
from torch import Tensor

from landslip.channels import find_channel
from landslip.errors import RecipeError
from landslip.training.augmentation.cover import add_snow_and_shadow
from landslip.training.augmentation.gaps import draw_absent_channels, drop_channels, hide_random_pixels
from landslip.training.augmentation.geometry import crop_windows, rotate_and_flip, zoom
from landslip.training.augmentation.light import change_light
from landslip.training.augmentation.mixing import fill_with_background, mix_batch
from landslip.training.augmentation.random_source import RandomSource, change_rows
from landslip.training.data.target import Target
from landslip.training.recipe.augmentation_section import AugmentationRecipe

DIRECTIONS: Final[tuple[tuple[str, str], ...]] = (("aspect_sin", "aspect_cos"), ("eastness", "northness"))
"""Names of the eastward and the northward component of a direction (aspect, clockwise from north)."""
_ZOOM_PROBABILITY = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class ChannelKinds:
    """Indices of the channels by what augmentation may do to them.

    Photometric changes apply to spectral channels. Slope and elevation are properties of the ground: they move with
    the image and keep their values. A direction is a vector: it rotates with the image.
    """

    spectral: tuple[int, ...]
    wavelengths_nm: Tensor
    """Of the spectral channels, (S,)."""
    directions: tuple[tuple[int, int], ...]
    """Indices of the eastward and the northward component of each direction."""

    @classmethod
    def of(cls, channels: Sequence[str]) -> Self:
        """Sort channels by name.

        Raises:
            ChannelError: a channel is unknown.
            RecipeError: a direction has only one of its two components.
        """
        directions = []
        for pair in DIRECTIONS:
            given = [name for name in pair if name in channels]
            if len(given) == 1:
                raise RecipeError(
                    f"a direction needs both components, got {given[0]} only: give {pair[0]} and {pair[1]}, or neither",
                    parameter="channels",
                )
            if given:
                directions.append((channels.index(pair[0]), channels.index(pair[1])))
        vectors = {index for pair in directions for index in pair}
        nm = {i: find_channel(name).wavelength_nm for i, name in enumerate(channels) if i not in vectors}
        spectral = {i: length for i, length in nm.items() if length is not None}
        return cls(tuple(spectral), torch.tensor(list(spectral.values())), tuple(directions))


class Augmentation:
    """Augments batches of given channels. It holds no state: every call brings its random generator.

    Example:
        >>> augment = Augmentation(AugmentationRecipe.disabled(), ("B04", "B03", "B02"))
        >>> values, masks = torch.full((2, 3, 32, 32), 500.0), torch.zeros((2, 32, 32), dtype=torch.uint8)
        >>> augmented, target = augment(values, Target.of_masks(masks), torch.Generator().manual_seed(1))
        >>> bool((augmented == values).all())
        True
    """

    def __init__(self, recipe: AugmentationRecipe, channels: Sequence[str], means: Tensor | None = None) -> None:
        """Set up an augmentation.

        Args:
            recipe: probabilities and strengths of the steps.
            channels: names, in the order of the values.
            means: (C,) mean of each channel over the training part, the value of a dropped channel. Channel dropout
                needs it.

        Raises:
            ChannelError: a channel is unknown.
            RecipeError: dropout names a channel that is not given, or lacks the means; a direction lacks a component.
        """
        self.recipe = recipe
        self.channels = tuple(channels)
        self.kinds = ChannelKinds.of(self.channels)
        unknown = [name for name in recipe.channel_dropout if name not in self.channels]
        if unknown:
            raise RecipeError(
                f"augmentation.channel_dropout names {', '.join(unknown)}, which is not among the channels: "
                f"name some of {', '.join(self.channels)}",
                parameter="augmentation.channel_dropout",
            )
        self.dropout = torch.tensor([recipe.channel_dropout.get(name, 0.0) for name in self.channels])
        if bool(self.dropout.any()) and means is None:
            raise RecipeError(
                "augmentation.channel_dropout replaces a channel by its training mean: give the training means",
                parameter="means",
            )
        self.means = means

    @torch.no_grad()
    def __call__(self, values: Tensor, target: Target, generator: torch.Generator) -> tuple[Tensor, Target]:
        """Augment a batch; the arguments are not changed.

        Args:
            values: (N, C, H, W) float32, in DN, degrees and metres, finite.
            target: of the same patches, on the same device.
            generator: on the CPU; the same state gives the same result on every device.
        """
        recipe, random = self.recipe, RandomSource(generator, values.device)
        # From here on the steps may work in place.
        values, target = values.clone(), Target(target.landslide.clone(), target.valid.clone())
        if recipe.crop_px is not None:
            values, target = crop_windows(values, target, recipe.crop_px, random)
        if recipe.background_fill:
            self._fill_with_background(values, target, random)
        if recipe.dihedral:
            values, target = self._rotate_and_flip(values, target, random)
        if recipe.zoom or recipe.rotation_deg or recipe.resized_crop:
            self._zoom(values, target, random)
        if recipe.snow or recipe.shadow:
            self._add_snow_and_shadow(values, target, random)
        if recipe.photometric:
            values = self._change_light(values, random)
        if recipe.mixup or recipe.cutmix:
            mix_batch(values, target, recipe, random)
        if recipe.edge_nodata or recipe.cloud_nodata:
            hide_random_pixels(values, target, recipe, random)
        if self.means is not None and any(recipe.channel_dropout.values()):
            absent = random.to_device(draw_absent_channels(len(values), self.dropout, random))
            values = drop_channels(values, absent, self.means.to(values))
        return values, target

    def _fill_with_background(self, values: Tensor, target: Target, random: RandomSource) -> None:
        rows = random.choose(len(values), self.recipe.background_fill)
        preference = random.number(4 * len(rows), 0.5, 1).reshape(-1, 4)
        pairs = self.kinds.directions
        fill = partial(fill_with_background, preference=preference, pairs=pairs)
        change_rows(random.to_device(rows), values, target, fill)

    def _rotate_and_flip(self, values: Tensor, target: Target, random: RandomSource) -> tuple[Tensor, Target]:
        which = torch.randint(8, (len(values),), generator=random.generator)
        if values.shape[2] != values.shape[3]:
            which = which // 2 * 2
        return rotate_and_flip(values, target, which, self.kinds.directions)

    def _zoom(self, values: Tensor, target: Target, random: RandomSource) -> None:
        recipe = self.recipe
        rows = random.choose(len(values), _ZOOM_PROBABILITY)
        largest = math.radians(recipe.rotation_deg)
        angle, cut = random.number(len(rows), -largest, largest), random.number(len(rows), 0, recipe.resized_crop)
        scale = random.factor(len(rows), 1 + recipe.zoom) * (1 - cut)
        centre = cut * random.number(2 * len(rows), -1, 1).reshape(2, -1)
        pairs = self.kinds.directions
        change_rows(
            random.to_device(rows),
            values,
            target,
            partial(zoom, scale=scale, angle=angle, centre=centre, pairs=pairs),
        )

    def _add_snow_and_shadow(self, values: Tensor, target: Target, random: RandomSource) -> None:
        spectral = torch.tensor(self.kinds.spectral, device=values.device)
        if not len(spectral):
            return
        light = values.index_select(1, spectral)
        probabilities = (self.recipe.snow, self.recipe.shadow)
        add_snow_and_shadow(light, target, self.kinds.wavelengths_nm, probabilities, random)
        values.index_copy_(1, spectral, light)

    def _change_light(self, values: Tensor, random: RandomSource) -> Tensor:
        spectral, nm = self.kinds.spectral, self.kinds.wavelengths_nm
        if len(spectral) == values.shape[1]:
            return change_light(values, nm, self.recipe, random)
        if not spectral:
            return values
        indices = torch.tensor(spectral, device=values.device)
        changed = change_light(values.index_select(1, indices), nm, self.recipe, random)
        return values.index_copy_(1, indices, changed)
