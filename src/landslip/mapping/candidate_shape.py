"""Shapes of candidates that fields and roads have: rectangles, and narrow strips.

Landslides have them too, on slopes; on flat ground such a shape is one of land use. So the rule is for candidates
without relief only.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]

LEAST_FILLED: Final = 0.7
"""Area over that of the smallest rectangle around a field. Outlines follow pixels, so that a rotated rectangle of ten
pixels a side fills 0.77 of its own."""
LEAST_ELONGATION: Final = 6.0
"""Length over width of a straight stretch of a road, or of its verge."""
FIELD_RULE: Final = (
    f"that fill at least {LEAST_FILLED:g} of the smallest rectangle around them, or are at least {LEAST_ELONGATION:g} "
    "times as long as wide"
)


def looks_like_field_or_road(area_m2: Column, length_m: Column, width_m: Column) -> NDArray[np.bool_]:
    """Return which candidates have the shape of a field or of a straight stretch of road.

    Args:
        area_m2: (n,).
        length_m: (n,) longer side of the smallest rectangle around each.
        width_m: (n,) shorter side.

    Example:
        >>> looks_like_field_or_road(*np.array([[9500.0, 4000.0, 1200.0], [100.0] * 3, [100.0, 100.0, 14.0]])).tolist()
        [True, False, True]
    """
    rectangle = np.maximum(length_m * width_m, 1e-9)
    return np.asarray((area_m2 >= LEAST_FILLED * rectangle) | (length_m >= LEAST_ELONGATION * width_m))
