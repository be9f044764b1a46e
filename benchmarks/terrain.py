"""Compare slope, aspect, hillshade and curvature with gdaldem and xarray-spatial on elevation rasters.

    pip install xarray-spatial    # and Debian package gdal-bin
    python benchmarks/terrain.py DEM.tif...

Prints the mean and the largest absolute difference over the pixels that both know, as if the pixels were 30 m in
metres. xarray-spatial has the total curvature only: -100 x the sum of both second derivatives, which is 100 x (profile
minus plan curvature). Its hillshade is another formula, and is left out.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio
import xarray as xr
import xrspatial
from numpy.typing import NDArray
from rasterio.transform import from_origin

from landslip.grid.curvature import zevenbergen_thorne
from landslip.grid.terrain import horn_gradient

PIXEL_M = 30.0
NODATA = -9999.0


def run_gdaldem(mode: str, elevation: NDArray[np.float64], folder: Path) -> NDArray[np.float64]:
    """Run gdaldem on an elevation (H, W); NaN where it gives nodata."""
    height, width = elevation.shape
    profile = {"driver": "GTiff", "count": 1, "height": height, "width": width, "dtype": "float32", "nodata": NODATA}
    profile |= {"crs": "EPSG:32632", "transform": from_origin(0, height * PIXEL_M, PIXEL_M, PIXEL_M)}
    with rasterio.open(folder / "in.tif", "w", **profile) as file:
        file.write(np.where(np.isnan(elevation), NODATA, elevation).astype(np.float32), 1)
    subprocess.run(["gdaldem", mode, folder / "in.tif", folder / "out.tif", "-q"], check=True)
    with rasterio.open(folder / "out.tif") as file:
        values = file.read(1).astype(np.float64)
    return np.where(values == (0 if mode == "hillshade" else NODATA), np.nan, values)


def main() -> None:
    """Compare on each raster given."""
    for path in sys.argv[1:]:
        with rasterio.open(path) as file:
            elevation = file.read(1).astype(np.float64)
            if file.nodata is not None:
                elevation[elevation == file.nodata] = np.nan
        gradient, second = horn_gradient(elevation, PIXEL_M, PIXEL_M), zevenbergen_thorne(elevation, PIXEL_M, PIXEL_M)
        ground = xr.DataArray(elevation, dims=("y", "x"), attrs={"res": (PIXEL_M, PIXEL_M)})
        ground["y"] = -PIXEL_M * np.arange(elevation.shape[0])
        ground["x"] = PIXEL_M * np.arange(elevation.shape[1])
        total = second.profile_curvature() - second.plan_curvature()
        ours = {"slope": gradient.slope_deg(), "aspect": gradient.aspect_deg(), "hillshade": gradient.hillshade()}
        with tempfile.TemporaryDirectory() as folder:
            gdal = {mode: run_gdaldem(mode, elevation, Path(folder)) for mode in ours}
        theirs = {
            "gdaldem slope (degrees)": (ours["slope"], gdal["slope"]),
            "gdaldem aspect (degrees)": (ours["aspect"], gdal["aspect"]),
            "gdaldem hillshade (1..255)": (1 + 254 * ours["hillshade"], gdal["hillshade"]),
            "xarray-spatial slope (degrees)": (ours["slope"], xrspatial.slope(ground).values),
            "xarray-spatial aspect (degrees)": (ours["aspect"], xrspatial.aspect(ground).values),
            "xarray-spatial curvature (1/100 m)": (100 * total, xrspatial.curvature(ground).values),
        }
        print(Path(path).name)
        for name, (own, other) in theirs.items():
            both = np.isfinite(own) & np.isfinite(other) & ((other >= 0) | ("aspect" not in name))
            difference = np.abs(own - other)[both]
            if "aspect" in name:
                difference = np.minimum(difference, 360 - difference)
            print(f"  {name:36} mean {difference.mean():.5f}  largest {difference.max():.4f}  pixels {both.sum():,}")


if __name__ == "__main__":
    main()
