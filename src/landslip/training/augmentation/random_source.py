"""One source of chance for all steps: drawn on the CPU, moved to where the values are."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from landslip.training.data.target import Target


@dataclass(frozen=True, slots=True)
class Chance:
    """Draws for one batch. Which patches a step touches is decided on the CPU, so that no device is waited for."""

    generator: torch.Generator
    """On the CPU."""
    device: torch.device
    """Where the values are."""

    def number(self, n: int, low: float, high: float) -> Tensor:
        """Uniform numbers (n,), on the device."""
        return self.moved(self.uniform(n, low, high))

    def uniform(self, n: int, low: float, high: float) -> Tensor:
        """Uniform numbers (n,), on the CPU."""
        return low + (high - low) * torch.rand(n, generator=self.generator)

    def factor(self, n: int, most: float) -> Tensor:
        """Factors (n,) between 1 / most and most, their logarithms uniform; on the device."""
        return torch.exp(self.number(n, -1, 1) * math.log(most))

    def normal(self, *shape: int) -> Tensor:
        """Normal numbers of unit deviation, on the device."""
        return self.moved(torch.randn(shape, generator=self.generator))

    def some(self, n: int, share: float) -> Tensor:
        """Positions, on the CPU, of those of n patches that are chosen, each with a probability."""
        return (self.uniform(n, 0, 1) < share).nonzero().flatten()

    def moved(self, drawn: Tensor) -> Tensor:
        """The same on the device."""
        return drawn.to(self.device, non_blocking=True)


Change = Callable[[Tensor, Target], tuple[Tensor, Target]]


def rows_of(target: Target, rows: Tensor) -> Target:
    """The truth of some patches alone; rows (M,) are their positions."""
    return Target(target.landslide[rows], target.observed[rows])


def change_at(rows: Tensor, values: Tensor, target: Target, change: Change) -> None:
    """Change some patches of a batch in place; rows (M,) are their positions."""
    if not len(rows):
        return
    seen, truth = change(values[rows], rows_of(target, rows))
    values.index_copy_(0, rows, seen)
    target.landslide.index_copy_(0, rows, truth.landslide)
    target.observed.index_copy_(0, rows, truth.observed)
