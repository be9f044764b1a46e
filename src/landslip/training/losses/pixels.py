"""The pixels of a batch as loss terms get them, and the base class of the terms."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from landslip.files.model import Frozen
from landslip.training.data.target import Target


@dataclass(frozen=True, slots=True)
class Pixels:
    """Logits and labels of a batch. Nodata pixels are 0 in both, and no gradient reaches their logits."""

    logits: Tensor
    """(N, H, W) float32, or float64 if given so."""
    landslide: Tensor
    """(N, H, W) labels from 0 to 1, hard or soft, of the logits' type."""
    valid: Tensor
    """(N, H, W) bool."""
    values: Tensor
    """(N, C, H, W) input of the network, in DN, degrees and metres."""
    channels: tuple[str, ...]

    @classmethod
    def of(cls, logits: Tensor, target: Target, values: Tensor, channels: Sequence[str]) -> Self:
        """Take a batch of any floating type.

        Raises:
            ValueError: the shapes do not match.
        """
        expected = (*values.shape[:1], *values.shape[2:])
        shapes = {tuple(given.shape) for given in (logits, target.landslide, target.valid)}
        if shapes != {expected} or values.ndim != 4 or values.shape[1] != len(channels):
            raise ValueError(
                f"logits, labels and values must have the shapes (N, H, W), (N, H, W) and (N, {len(channels)}, H, W), "
                f"got {tuple(logits.shape)}, {tuple(target.landslide.shape)} and {tuple(values.shape)}"
            )
        wide = logits if logits.dtype == torch.float64 else logits.float()
        zero = torch.zeros((), dtype=wide.dtype, device=wide.device)
        return cls(
            # Selected, not multiplied: nodata pixels may hold NaN.
            logits=torch.where(target.valid, wide, zero),
            landslide=torch.where(target.valid, target.landslide.to(wide.dtype), zero),
            valid=target.valid,
            values=values,
            channels=tuple(channels),
        )

    @property
    def probability(self) -> Tensor:
        """(N, H, W) from 0 to 1; 0 where nodata."""
        return self.logits.sigmoid() * self.valid

    @property
    def hard_labels(self) -> Tensor:
        """(N, H, W) bool: labels of 0.5 and above; False where nodata."""
        return self.landslide >= 0.5

    @property
    def cross_entropy(self) -> Tensor:
        """(N, H, W) in nats, with soft labels; undefined where nodata."""
        return functional.binary_cross_entropy_with_logits(self.logits, self.landslide, reduction="none")

    def channel(self, name: str) -> Tensor:
        """Return the values (N, H, W) of a channel in its unit."""
        return self.values[:, self.channels.index(name)].to(self.logits.dtype)

    def mean(self, losses: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return the (weighted) mean of losses (N, H, W) over valid pixels; 0 if there are none."""
        counted = self.valid.to(losses.dtype) if weights is None else weights * self.valid
        total = counted.sum()
        return (losses * counted).sum() / torch.where(total > 0, total, torch.ones_like(total))


class LossTerm(Frozen):
    """One term of a loss: its settings and its equation."""

    needs: ClassVar[tuple[str, ...]] = ()
    """Channels that it reads."""

    kind: str
    weight: float = Field(default=1.0, ge=0)
    """Weight in the sum; with 0 the term is logged only."""

    @abstractmethod
    def compute(self, pixels: Pixels) -> Tensor:
        """Return the loss of a batch, a scalar, before its weight."""
