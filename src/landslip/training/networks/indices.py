"""Spectral indices as additional inputs of a network, computed inside the network, so that a detector contains them.

All are normalised differences: a change of overall brightness does not change them, nor does terrain shadow as far as
it darkens all channels alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor, nn

from landslip.errors import RecipeError

INDEX_STD: Final = 0.2
"""Divisor of all indices, which gives them about the standard deviation of a normalised channel."""


@dataclass(frozen=True, slots=True)
class Index:
    """A normalised difference: (the mean of some channels - the mean of others) / (the sum of both means)."""

    title: str
    plus: tuple[str, ...]
    minus: tuple[str, ...]
    source: str
    """Where the index was proposed."""

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that the index needs."""
        return (*self.plus, *self.minus)


INDICES: Final[Mapping[str, Index]] = MappingProxyType(
    {
        "ndvi": Index("vegetation", ("B08",), ("B04",), "Rouse et al. 1974"),
        "grvi": Index("green-red vegetation", ("B03",), ("B04",), "Tucker 1979"),
        "ndwi": Index("open water", ("B03",), ("B08",), "McFeeters 1996"),
        "ndmi": Index("moisture", ("B08",), ("B11",), "Gao 1996; Wilson and Sader 2002"),
        "nbr": Index("normalised burn ratio", ("B08",), ("B12",), "Key and Benson 2006"),
        "bsi": Index("bare soil", ("B11", "B04"), ("B08", "B02"), "Rikimaru et al. 2002"),
    }
)
"""Every index by name."""


class Indices(nn.Module):
    """Computes indices from channels in physical units; has no parameters."""

    plus: Tensor
    minus: Tensor

    def __init__(self, names: Sequence[str], channels: Sequence[str]) -> None:
        """Set up indices.

        Args:
            names: keys of ``INDICES``.
            channels: of the values, in their order.

        Raises:
            RecipeError: an index is unknown or given twice, or a channel is missing.
        """
        super().__init__()
        check_indices(names, channels)
        self.register_buffer("plus", _mean_weights([INDICES[name].plus for name in names], channels), persistent=False)
        self.register_buffer(
            "minus", _mean_weights([INDICES[name].minus for name in names], channels), persistent=False
        )

    def forward(self, values: Tensor) -> Tensor:
        """Return indices (N, K, H, W), each divided by ``INDEX_STD``, for values (N, C, H, W); 0 where all is dark."""
        plus, minus = (nn.functional.conv2d(values, weights) for weights in (self.plus, self.minus))
        # A sum below one DN is dark. Atmospheric correction may leave negative values, which would lead beyond 1.
        index = (plus - minus) / (plus + minus).clamp_min(1.0)
        return index.clamp(-1, 1) / INDEX_STD


def check_indices(names: Sequence[str], channels: Sequence[str]) -> None:
    """Check that indices are known and can be computed from the channels.

    Raises:
        RecipeError: an index is unknown or given twice, or a channel is missing.
    """
    for name in names:
        if name not in INDICES:
            raise RecipeError(f"unknown index '{name}': allowed are {', '.join(INDICES)}", parameter="network.indices")
        missing = [channel for channel in INDICES[name].channels if channel not in channels]
        if missing:
            raise RecipeError(
                f"the index {name} needs {' and '.join(missing)}, which is not among the recipe's channels: add the "
                f"channel, or remove {name} from network.indices",
                parameter="network.indices",
            )
    if len(set(names)) != len(names):
        raise RecipeError(
            f"each index may be given once, got network.indices {', '.join(names)}", parameter="network.indices"
        )


def available_indices(channels: Sequence[str]) -> tuple[str, ...]:
    """Return the indices that can be computed from some channels.

    Example:
        >>> available_indices(["B04", "B03", "B02"])
        ('grvi',)
    """
    return tuple(name for name, index in INDICES.items() if set(index.channels) <= set(channels))


def describe_indices(names: Sequence[str]) -> str:
    """Describe the indices in a clause for the card; empty without indices."""
    if not names:
        return ""
    return f"; in addition {', '.join(names)}, divided by {INDEX_STD:g}, computed from the values before normalisation"


def _mean_weights(groups: Sequence[Sequence[str]], channels: Sequence[str]) -> Tensor:
    weights = torch.zeros(len(groups), len(channels), 1, 1)
    for row, group in enumerate(groups):
        for name in group:
            weights[row, list(channels).index(name)] = 1 / len(group)
    return weights
