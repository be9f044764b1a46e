"""The kinds of masks: their names, codes, and effect on a map.

Two effects, never confused: what hides the ground (cloud, cloud shadow, snow, white ground) is nodata in a map,
because nothing is known about landslides there; what rules a landslide out (water, an excluded area) keeps its
probability, and candidates there are listed apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

MaskName = Literal["clouds", "shadow", "snow", "white", "water", "river", "vegetation"]
"""A mask that is computed from a scene, or a pair."""


@dataclass(frozen=True, slots=True)
class MaskKind:
    """One kind of mask."""

    name: str
    """As in settings."""
    code: int
    """In a raster of masks, where 0 is a pixel without a mask."""
    title: str
    hides: bool
    """Whether it hides the ground; else it rules a landslide out."""


CLOUDS: Final = MaskKind("clouds", 1, "cloud", hides=True)
SHADOW: Final = MaskKind("shadow", 2, "cloud shadow", hides=True)
SNOW: Final = MaskKind("snow", 3, "snow", hides=True)
WATER: Final = MaskKind("water", 4, "water", hides=False)
AREA: Final = MaskKind("area", 5, "excluded area", hides=False)
SLOPE: Final = MaskKind("slope", 6, "gentle slope", hides=False)
"""Judged by the mean slope of a candidate, so that no pixel has this code."""
FIELD: Final = MaskKind("field", 10, "field or road, by shape", hides=False)
"""Judged by the shape and the mean slope of a candidate, so that no pixel has this code."""
VEGETATION: Final = MaskKind("vegetation", 7, "dense vegetation", hides=False)
WHITE: Final = MaskKind("white", 8, "snow or cloud, by colour", hides=True)
"""Of a pair of dates: white ground in red, green and blue (``landslip.change.white_ground``)."""

RIVER: Final = MaskKind("river", 9, "river bar", hides=False)
"""Flat ground beside water."""

KINDS: Final[Mapping[str, MaskKind]] = MappingProxyType(
    {kind.name: kind for kind in (CLOUDS, SHADOW, SNOW, WATER, AREA, SLOPE, FIELD, VEGETATION, WHITE, RIVER)}
)
"""Every kind by its name. Where several apply to a pixel, it has the code of the first in ``PRECEDENCE``."""
PRECEDENCE: Final = (CLOUDS, SHADOW, SNOW, WHITE, AREA, WATER, RIVER, VEGETATION)
HIDING: Final = (CLOUDS, SHADOW, SNOW, WHITE)
OF_ONE_DATE: Final = (CLOUDS, SHADOW, SNOW)
"""Of those that hide the ground, the ones that one image is enough for."""
OF_CANDIDATES: Final = (SLOPE, FIELD)
"""Those that judge a candidate as a whole and have no pixels."""
RULING_OUT: Final = (AREA, WATER, RIVER, VEGETATION)


def hides_ground(codes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return where codes, of any shape, are those of masks that hide the ground.

    Example:
        >>> hides_ground(np.array([0, 1, 3, 4, 255], np.uint8)).tolist()
        [False, True, True, False, False]
    """
    return np.isin(codes, [kind.code for kind in HIDING])


def rules_out(codes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return where codes, of any shape, are those of masks that rule a landslide out.

    Example:
        >>> rules_out(np.array([0, 1, 4, 5, 255], np.uint8)).tolist()
        [False, False, True, True, False]
    """
    return np.isin(codes, [kind.code for kind in RULING_OUT])
