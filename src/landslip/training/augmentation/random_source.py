"""Random numbers for all steps of an augmentation: drawn on the CPU, then moved to the device of the values."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from landslip.training.data.target import Target


@dataclass(frozen=True, slots=True)
class RandomSource:
    """Draws the numbers for one batch. Rows are chosen on the CPU, so that no step waits for the device."""

    generator: torch.Generator
    """On the CPU: every device then draws the same numbers."""
    device: torch.device
    """Device of the values."""

    def number(self, n: int, low: float, high: float) -> Tensor:
        """Draw uniform numbers (n,), on the device."""
        return self.to_device(self.uniform(n, low, high))

    def uniform(self, n: int, low: float, high: float) -> Tensor:
        """Draw uniform numbers (n,), on the CPU."""
        return low + (high - low) * torch.rand(n, generator=self.generator)

    def factor(self, n: int, highest: float) -> Tensor:
        """Draw factors (n,) between 1 / highest and highest with uniform logarithms, on the device."""
        return torch.exp(self.number(n, -1, 1) * math.log(highest))

    def normal(self, *shape: int) -> Tensor:
        """Draw standard normal numbers, on the device."""
        return self.to_device(torch.randn(shape, generator=self.generator))

    def choose(self, n: int, probability: float) -> Tensor:
        """Choose each of n rows with a probability; returns their indices on the CPU."""
        return (self.uniform(n, 0, 1) < probability).nonzero().flatten()

    def to_device(self, drawn: Tensor) -> Tensor:
        """Move what was drawn to the device."""
        return drawn.to(self.device, non_blocking=True)


Change = Callable[[Tensor, Target], tuple[Tensor, Target]]


def select_rows(target: Target, rows: Tensor) -> Target:
    """Return the target of some patches; rows (M,) are their indices."""
    return Target(target.landslide[rows], target.valid[rows])


def change_rows(rows: Tensor, values: Tensor, target: Target, change: Change) -> None:
    """Apply a change to some patches of a batch in place; rows (M,) are their indices."""
    if not len(rows):
        return
    changed, changed_target = change(values[rows], select_rows(target, rows))
    values.index_copy_(0, rows, changed)
    target.landslide.index_copy_(0, rows, changed_target.landslide)
    target.valid.index_copy_(0, rows, changed_target.valid)
