"""A batch as the terms of a loss see it: what is not observed is out of reach before any of them starts."""

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
    """Logits beside the truth. Pixels not observed hold 0 in both, and no gradient reaches their logits."""

    logits: Tensor
    """(N, H, W) float32 (float64 stays)."""
    landslide: Tensor
    """(N, H, W) from 0 to 1, of the logits' type."""
    observed: Tensor
    """(N, H, W) bool."""
    values: Tensor
    """(N, C, H, W), in DN, degrees and metres."""
    channels: tuple[str, ...]

    @classmethod
    def of(cls, logits: Tensor, target: Target, values: Tensor, channels: Sequence[str]) -> Self:
        """Take a batch, in any floating type.

        Raises:
            ValueError: the shapes do not fit together.
        """
        wanted = (*values.shape[:1], *values.shape[2:])
        shapes = {tuple(given.shape) for given in (logits, target.landslide, target.observed)}
        if shapes != {wanted} or values.ndim != 4 or values.shape[1] != len(channels):
            raise ValueError(
                f"logits {tuple(logits.shape)}, truth {tuple(target.landslide.shape)} and values "
                f"{tuple(values.shape)} of {len(channels)} channels do not fit together: give (N, H, W), (N, H, W) and "
                "(N, C, H, W)"
            )
        wide = logits if logits.dtype == torch.float64 else logits.float()
        nothing = torch.zeros((), dtype=wide.dtype, device=wide.device)
        return cls(
            logits=torch.where(target.observed, wide, nothing),
            landslide=torch.where(target.observed, target.landslide.to(wide.dtype), nothing),
            observed=target.observed,
            values=values,
            channels=tuple(channels),
        )

    @property
    def probability(self) -> Tensor:
        """(N, H, W) from 0 to 1; 0 where not observed."""
        return self.logits.sigmoid() * self.observed

    @property
    def landslide_or_not(self) -> Tensor:
        """(N, H, W) bool: the truth cut at one half; false where not observed."""
        return self.landslide >= 0.5

    @property
    def cross_entropy(self) -> Tensor:
        """(N, H, W), in nats, against the soft truth; meaningless where not observed."""
        return functional.binary_cross_entropy_with_logits(self.logits, self.landslide, reduction="none")

    def channel(self, name: str) -> Tensor:
        """(N, H, W) values of a channel in its own unit."""
        return self.values[:, self.channels.index(name)].to(self.logits.dtype)

    def mean(self, losses: Tensor, weights: Tensor | None = None) -> Tensor:
        """Mean of losses (N, H, W) over the observed pixels, each counted as its weight says; 0 where there is none."""
        counted = self.observed.to(losses.dtype) if weights is None else weights * self.observed
        total = counted.sum()
        return (losses * counted).sum() / torch.where(total > 0, total, torch.ones_like(total))


class Term(Frozen):
    """One term of a loss: its settings, and the loss itself."""

    needs: ClassVar[tuple[str, ...]] = ()
    """Channels without which it cannot be computed."""

    kind: str
    weight: float = Field(default=1.0, ge=0)
    """Its share in the sum; 0 logs the term and learns nothing from it."""

    @abstractmethod
    def of(self, pixels: Pixels) -> Tensor:
        """The loss of a batch, a scalar, before its weight."""
