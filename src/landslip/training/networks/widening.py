"""Fits a first convolution to other channels, by name, and says in words what it did.

The rule: a channel that the weights know keeps its own filter; any other starts from the mean of the known filters.
All are scaled by known / wanted channels, so that the response to a grey image keeps its size.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from landslip.errors import RecipeError


def fit_stem(stem: Tensor, known: Sequence[str], wanted: Sequence[str]) -> Tensor:
    """Fit a first convolution (out, known, kh, kw) to the wanted channels by name: (out, wanted, kh, kw)."""
    mean = stem.mean(dim=1)
    filters = [stem[:, known.index(name)] if name in known else mean for name in wanted]
    return torch.stack(filters, dim=1) * (len(known) / len(wanted))


def said(source: str, known: Sequence[str], wanted: Sequence[str]) -> str:
    """What widening did, in words, for the card."""
    own = [name for name in wanted if name in known]
    others = [name for name in wanted if name not in known]
    parts = [f"{source}: {', '.join(own) or 'no channel'} from their own filters"]
    if others:
        parts.append(f"{', '.join(others)} from the mean of {len(known)} filters")
    return "; ".join(parts)


def stem_name(network: nn.Module, channels: int) -> str:
    """The name of the weight of a network's first convolution: the first that takes as many channels as it is given.

    Raises:
        RecipeError: there is none.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == channels:
            return f"{name}.weight" if name else "weight"
    raise RecipeError(f"{type(network).__name__} has no convolution of {channels} channels that weights could start")
