"""What every term of a loss has in common."""

from abc import abstractmethod
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from landslip.files.model import Frozen
from landslip.training.losses.pixels import Pixels


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
