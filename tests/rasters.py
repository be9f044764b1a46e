"""Small rasters written for a test, each with the property that the test is about."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import ArrayLike, NDArray
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning

NORTH_UP = Affine(10, 0, 500_000, 0, -10, 2_500_000)
SOUTH_UP = Affine(10, 0, 500_000, 0, 10, 2_500_000)
ROTATED = Affine(8, 6, 500_000, 6, -8, 2_500_000)
"""Turned by 36.87 degrees; pixels of 10 m."""
UTM = "EPSG:32646"


def write_raster(
    path: Path,
    values: ArrayLike,
    *,
    descriptions: Sequence[str | None] | None = None,
    transform: Affine | None = NORTH_UP,
    crs: str | None = UTM,
    nodata: float | None = None,
    mask: NDArray[np.bool_] | None = None,
    colours: Sequence[ColorInterp] | None = None,
    scales: Sequence[float] | None = None,
    offsets: Sequence[float] | None = None,
    tags: dict[str, str] | None = None,
    gcps: Sequence[rasterio.control.GroundControlPoint] | None = None,
    **creation: object,
) -> Path:
    """Write values (C, H, W) or (H, W) as a GeoTIFF with an internal mask where one is given."""
    stack = np.asarray(values)
    stack = stack[None] if stack.ndim == 2 else stack
    with warnings.catch_warnings(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            count=stack.shape[0],
            height=stack.shape[1],
            width=stack.shape[2],
            dtype=stack.dtype,
            crs=crs,
            nodata=nodata,
            **({"transform": transform} if transform else {}),
            **creation,
        ) as file:
            if colours:
                file.colorinterp = colours
            file.write(stack)
            for band, description in enumerate(descriptions or (), start=1):
                if description:
                    file.set_band_description(band, description)
            if scales:
                file.scales = scales
            if offsets:
                file.offsets = offsets
            if tags:
                file.update_tags(**tags)
            if gcps:
                file.gcps = (gcps, rasterio.crs.CRS.from_string(crs or UTM))
            if mask is not None:
                file.write_mask(mask)
    return path
