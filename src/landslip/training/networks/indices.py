"""Spectral indices that a network sees beside its channels: computed inside the network, so that they travel with it.

All are differences of channels over their sum, so that a change of overall brightness leaves them as they are, and so
does terrain shadow, as far as it dims all channels alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor, nn

from landslip.errors import RecipeError

TYPICAL_DEVIATION: Final = 0.2
"""By which an index is divided, so that it spreads about as far as a normalised channel; a choice, the same for all."""


@dataclass(frozen=True, slots=True)
class Index:
    """A normalised difference: (the mean of some channels - the mean of others) / (the sum of both means)."""

    title: str
    plus: tuple[str, ...]
    minus: tuple[str, ...]
    source: str
    """Where it was proposed."""

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that it needs."""
        return (*self.plus, *self.minus)


INDICES: Final[Mapping[str, Index]] = MappingProxyType(
    {
        "ndvi": Index("vegetation", ("B08",), ("B04",), "Rouse et al. 1974"),
        "grvi": Index("green against red", ("B03",), ("B04",), "Tucker 1979"),
        "ndwi": Index("open water", ("B03",), ("B08",), "McFeeters 1996"),
        "ndmi": Index("moisture", ("B08",), ("B11",), "Gao 1996; Wilson and Sader 2002"),
        "nbr": Index("burnt or laid bare", ("B08",), ("B12",), "Key and Benson 2006"),
        "bsi": Index("bare soil", ("B11", "B04"), ("B08", "B02"), "Rikimaru et al. 2002"),
    }
)
"""Every index by its name."""


class Indices(nn.Module):
    """Computes indices from channels in physical units; learns nothing."""

    plus: Tensor
    minus: Tensor

    def __init__(self, names: Sequence[str], channels: Sequence[str]) -> None:
        """Set up.

        Args:
            names: of indices.
            channels: of the values, in their order; every index must find its own among them.

        Raises:
            RecipeError: there is no such index, one comes twice, or a channel is missing.
        """
        super().__init__()
        check_indices(names, channels)
        self.register_buffer("plus", _shares([INDICES[name].plus for name in names], channels), persistent=False)
        self.register_buffer("minus", _shares([INDICES[name].minus for name in names], channels), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """Indices (N, K, H, W), each by ``TYPICAL_DEVIATION``, for values (N, C, H, W); 0 where no light came back."""
        more, less = (nn.functional.conv2d(values, shares) for shares in (self.plus, self.minus))
        # Less than one DN in all is no light. And an atmospheric correction may leave values below 0, which would lead
        # beyond 1.
        index = (more - less) / (more + less).clamp_min(1.0)
        return index.clamp(-1, 1) / TYPICAL_DEVIATION


def check_indices(names: Sequence[str], channels: Sequence[str]) -> None:
    """Make sure that indices are known and can be computed from the channels.

    Raises:
        RecipeError: there is no such index, one comes twice, or a channel is missing.
    """
    for name in names:
        if name not in INDICES:
            raise RecipeError(f"'{name}' is not an index: allowed are {', '.join(INDICES)}")
        missing = [channel for channel in INDICES[name].channels if channel not in channels]
        if missing:
            raise RecipeError(
                f"the index {name} needs {' and '.join(missing)}, which the recipe's channels lack: add it or leave "
                f"{name} out of network.indices"
            )
    if len(set(names)) != len(names):
        raise RecipeError(f"network.indices {', '.join(names)}: name each index once")


def indices_of(channels: Sequence[str]) -> tuple[str, ...]:
    """The indices that can be computed from some channels."""
    return tuple(name for name, index in INDICES.items() if set(index.channels) <= set(channels))


def indices_in_words(names: Sequence[str]) -> str:
    """Which indices are computed, in a clause for the card; empty where none is."""
    if not names:
        return ""
    return f"; beside it {', '.join(names)} by {TYPICAL_DEVIATION:g}, computed from the values as they come"


def _shares(groups: Sequence[Sequence[str]], channels: Sequence[str]) -> Tensor:
    shares = torch.zeros(len(groups), len(channels), 1, 1)
    for row, group in enumerate(groups):
        for name in group:
            shares[row, list(channels).index(name)] = 1 / len(group)
    return shares
