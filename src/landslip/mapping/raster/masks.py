"""The raster of masks of a map, ``masks.tif``: which pixels are nodata or rule a landslide out, and why."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from landslip.mapping.raster.probability import ProbabilityRaster
from landslip.scenes.masks.kinds import (
    AREA,
    CLOUDS,
    PRECEDENCE,
    RIVER,
    SHADOW,
    SNOW,
    VEGETATION,
    WATER,
    WHITE,
)

MASK_COLOURS: Final = MappingProxyType(
    {
        CLOUDS.code: (120, 200, 255),
        SHADOW.code: (96, 72, 168),
        SNOW.code: (0, 214, 200),
        WHITE.code: (150, 226, 236),
        WATER.code: (20, 80, 230),
        RIVER.code: (214, 190, 130),
        AREA.code: (168, 160, 150),
        VEGETATION.code: (64, 140, 64),
    }
)
"""Colour of each code, in the raster and on the map sheet."""


@dataclass(frozen=True, slots=True)
class MaskRaster(ProbabilityRaster):
    """Codes of masks (``landslip.scenes.masks.kinds``); 0 without a mask, 255 where the image is nodata."""

    def _describe(self, raster: Any) -> None:
        raster.set_band_description(1, "mask")
        raster.write_colormap(1, {code: (*colour, 255) for code, colour in MASK_COLOURS.items()})
        raster.update_tags(1, **{f"code_{kind.code}": kind.title for kind in PRECEDENCE}, code_0="no mask")

    @property
    def _overviews(self) -> str:
        return "MODE"
