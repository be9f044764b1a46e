"""The colours of the page, safe for every kind of colour vision: told apart by lightness, and never by colour alone."""

from typing import Final

from landslip.figures.colour_ramps import Ramp

PROBABILITY: Final = Ramp(
    ((252, 253, 191), (254, 176, 120), (241, 96, 93), (183, 55, 121), (114, 31, 129), (40, 14, 82)), ""
)
"""From light to dark; its lightness falls all the way (after magma, van der Walt and Smith 2015)."""
OUTLINE: Final = (255, 225, 64)
"""What a detector found: as on the map sheet."""
CHOSEN: Final = (0, 229, 255)
TRUTH: Final = (255, 255, 255)
ACCENT: Final = "#8a3b12"
