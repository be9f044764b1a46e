"""What augmentation may do to a channel, by its name.

Light changes spectral channels alone. Slope and elevation are properties of the ground: they move with it and keep
their values. A direction on the ground, as the aspect, is a vector: it turns when the image turns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import torch
from torch import Tensor

from landslip.channels import channel_named
from landslip.errors import RecipeError

DIRECTIONS: Final[tuple[tuple[str, str], ...]] = (("aspect_sin", "aspect_cos"), ("eastness", "northness"))
"""Names of the eastward and the northward part of a direction: of an aspect clockwise from north, sine and cosine."""


@dataclass(frozen=True, slots=True, eq=False)
class ChannelKinds:
    """The places of the channels of each kind."""

    spectral: tuple[int, ...]
    wavelengths_nm: Tensor
    """Of the spectral channels."""
    directions: tuple[tuple[int, int], ...]
    """Places of the eastward and the northward part of each direction."""

    @classmethod
    def of(cls, channels: Sequence[str]) -> Self:
        """Sort channels by their names.

        Raises:
            ChannelError: a channel is unknown.
            RecipeError: a direction has but one of its two parts.
        """
        directions = []
        for pair in DIRECTIONS:
            given = [name for name in pair if name in channels]
            if len(given) == 1:
                raise RecipeError(
                    f"the channel {given[0]} cannot be turned alone: give both {pair[0]} and {pair[1]}, or neither"
                )
            if given:
                directions.append((channels.index(pair[0]), channels.index(pair[1])))
        vectors = {place for pair in directions for place in pair}
        nm = {i: channel_named(name).wavelength_nm for i, name in enumerate(channels) if i not in vectors}
        spectral = {i: length for i, length in nm.items() if length is not None}
        return cls(tuple(spectral), torch.tensor(list(spectral.values())), tuple(directions))
