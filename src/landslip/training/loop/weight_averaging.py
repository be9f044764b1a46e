"""A second set of weights that averages the first over time: calmer, and the one that is scored and kept."""

import torch
from torch import Tensor, nn

from landslip.training.recipe.fit_sections import FitRecipe


def follow(averaged: nn.Module, network: nn.Module, memory: float, step: int) -> None:
    """Move a running mean of the weights one step on; the memory grows from nothing, so that the start is forgotten.

    Args:
        averaged: the mean; changed.
        network: whose weights are taken in, with the running statistics of its normalising layers.
        memory: share of the mean that is kept, in the long run.
        step: counted from 1.
    """
    _move(averaged, network, min(memory, step / (step + 10)))


def end_epoch(averaged: nn.Module, network: nn.Module, recipe: FitRecipe, epoch: int) -> None:
    """Take an epoch's last weights into the equal mean, from ``equal_from`` on; before, the mean is those weights.

    Statistics of normalising layers are averaged like weights, which spares a pass over the data to take them anew.

    Args:
        averaged: the mean; changed.
        network: whose weights are taken in.
        recipe: with ``equal_from``.
        epoch: counted from 1.
    """
    if recipe.equal_from is None:
        return
    before = epoch - 1 - int(recipe.equal_from * recipe.epochs)
    _move(averaged, network, before / (before + 1) if before > 0 else 0.0)


@torch.no_grad()
def _move(averaged: nn.Module, network: nn.Module, keep: float) -> None:
    means: list[Tensor] = []
    news: list[Tensor] = []
    for mean, new in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            means.append(mean)
            news.append(new)
        else:
            mean.copy_(new)
    # One call for all tensors: hundreds of small ones cost a GPU more than the arithmetic.
    torch._foreach_lerp_(means, news, 1 - keep)
