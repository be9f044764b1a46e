"""The section ``dates`` of a recipe: what tells the two dates of a pair apart in training."""

from typing import Annotated, Self

from pydantic import Field

from landslip.files.model import Frozen

Probability = Annotated[float, Field(ge=0, le=1)]


class DatesRecipe(Frozen):
    """Random differences between the dates of pairs, for detectors of two dates; 0 switches one off.

    The steps ``gain`` to ``band_shift_px``, ``snow`` and ``shadow`` of ``augmentation`` are drawn for each date.
    """

    exchange: Probability = 0.15
    """Probability of exchanging the dates; nothing is new then."""
    same: Probability = 0.3
    """Probability that a part of the ground, or all of it, is the same on both dates; nothing is new there."""
    season: float = Field(default=0.3, ge=0, le=1)
    """Standard deviation of the logarithm by which the colour of plants changes, in half of the images."""
    sun: float = Field(default=0.3, ge=0, le=1)
    """Standard deviation of the exponent by which the image before is shaded more, or less, by relief."""
    misregistration_px: float = Field(default=1.5, ge=0, le=4)
    """Largest shift of the image before; half of them are less than a quarter of it."""

    @classmethod
    def disabled(cls) -> Self:
        """Return a recipe with every difference switched off."""
        return cls.model_validate(dict.fromkeys(cls.model_fields, 0.0))
