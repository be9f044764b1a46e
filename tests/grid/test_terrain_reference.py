"""Slope and aspect against gdaldem on real elevation, and against the slope of Landslide4Sense."""

import shutil
import subprocess

import h5py
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from landslip.channels import CHANNELS
from landslip.grid.terrain import aspect_deg, horn_gradient, slope_deg

# Sao Tome: the part of the tile with the island.
ELEVATIONS = {
    "Sao Tome": ("copdem30-n00e006/Copernicus_DSM_COG_10_N00_00_E006_00_DEM.tif", np.s_[1000:2400, 1500:2900]),
    "Leh": ("steep-dem/leh-30m-dem.tif", np.s_[:, :]),
    "Jiuzhaigou": ("steep-dem/jiuzhaigou-30m-dem.tif", np.s_[:, :]),
}
PIXEL_M = 30.0
NODATA = -9999.0


@pytest.fixture(params=ELEVATIONS)
def elevation(request, shared_data):
    name, part = ELEVATIONS[request.param]
    path = shared_data / "scenes" / name
    if not path.is_file():
        pytest.skip(f"{name} is not among the real data")
    with rasterio.open(path) as file:
        values = file.read(1).astype(np.float64)
        if file.nodata is not None:
            values[values == file.nodata] = np.nan
    return values[part]


def _gdaldem(mode, elevation, folder, *options):
    gdaldem = shutil.which("gdaldem")
    if gdaldem is None:
        pytest.skip("gdaldem is not installed (Debian package gdal-bin)")
    height, width = elevation.shape
    profile = {"driver": "GTiff", "count": 1, "height": height, "width": width, "dtype": "float32", "nodata": NODATA}
    profile |= {"crs": "EPSG:32632", "transform": from_origin(0, height * PIXEL_M, PIXEL_M, PIXEL_M)}
    with rasterio.open(folder / "elevation.tif", "w", **profile) as file:
        file.write(np.where(np.isnan(elevation), NODATA, elevation).astype(np.float32), 1)
    command = [gdaldem, mode, folder / "elevation.tif", folder / "out.tif", "-q", *options]
    subprocess.run(command, check=True, timeout=120)
    with rasterio.open(folder / "out.tif") as file:
        values = file.read(1).astype(np.float64)
    return np.where(values == NODATA, np.nan, values)


def test_slope_is_that_of_gdaldem(elevation, tmp_path):
    ours, theirs = slope_deg(elevation, PIXEL_M, PIXEL_M), _gdaldem("slope", elevation, tmp_path)
    both = np.isfinite(ours) & np.isfinite(theirs)
    assert both.mean() > 0.9
    difference = np.abs(ours - theirs)[both]
    assert difference.mean() < 0.001
    assert difference.max() < 0.05


def test_aspect_is_that_of_gdaldem(elevation, tmp_path):
    ours, theirs = aspect_deg(elevation, PIXEL_M, PIXEL_M), _gdaldem("aspect", elevation, tmp_path)
    both = np.isfinite(ours) & np.isfinite(theirs)
    difference = np.abs((ours - theirs + 180) % 360 - 180)[both]
    assert difference.mean() < 0.01  # gdaldem computes in float32


@pytest.mark.parametrize("light", [(315, 45), (90, 20)])
def test_hillshade_is_that_of_gdaldem(elevation, light, tmp_path):
    ours = horn_gradient(elevation, PIXEL_M, PIXEL_M).hillshade(*light)
    theirs = _gdaldem("hillshade", elevation, tmp_path, "-az", str(light[0]), "-alt", str(light[1]))
    # gdaldem stores 1 + 254 x cosine in whole numbers, and 0 for nodata.
    theirs[theirs == 0] = np.nan
    both = np.isfinite(ours) & np.isfinite(theirs)
    assert both.mean() > 0.9
    difference = np.abs(1 + 254 * ours - theirs)[both]
    assert difference.mean() < 0.5
    assert difference.max() < 1.1


def test_what_gdaldem_leaves_out_at_voids_is_left_out(elevation, tmp_path):
    """gdaldem fills a neighbour that is nodata with the centre; here no value comes from a void."""
    theirs = _gdaldem("slope", elevation, tmp_path)
    ours = slope_deg(elevation, PIXEL_M, PIXEL_M)
    assert not np.isfinite(ours[np.isnan(elevation)]).any()
    inner = np.s_[1:-1, 1:-1]
    assert (np.isfinite(ours) <= np.isfinite(theirs))[inner].all()


def test_slope_of_landslide4sense_is_horns_on_12_5_m_and_whole_metres(shared_data):
    """Patch 3645 was resampled by nearest neighbour, so its source can be recovered without the repeated pixels."""
    path = shared_data / "l4s-h5" / "TrainData" / "img" / "image_3645.h5"
    if not path.is_file():
        pytest.skip("Landslide4Sense patch 3645 is not among the real data")
    with h5py.File(path) as file:
        image = file["img"][:]
    slope, elevation = (
        np.rint(image[..., CHANNELS[name].l4s_index] * CHANNELS[name].l4s_divisor) for name in ("slope", "elevation")
    )
    # Pixel (row, col) of the patch is pixel (floor(0.7969 row + 0.22), floor(0.7996 col - 0.0005 row + 0.22)) of the
    # source, as recovered from the repeated rows and columns.
    rows, cols = np.mgrid[:128, :128]
    row = np.floor(0.79686 * rows - 0.000025 * cols - 0.78).astype(int) + 1
    col = np.floor(0.79958 * cols - 0.00045 * rows - 0.78).astype(int) + 1
    source = np.full((2, row.max() + 1, col.max() + 1), np.nan)
    source[:, row, col] = elevation, slope
    computed = slope_deg(source[0], 12.5, 12.5, like_landslide4sense=True)
    both = np.isfinite(computed) & np.isfinite(source[1])
    both[[0, -1]] = both[:, [0, -1]] = False
    assert both.mean() > 0.9
    assert (computed == source[1])[both].mean() > 0.95
    at_10_m = slope_deg(elevation, 10, 10, like_landslide4sense=True)
    assert np.abs(at_10_m - slope)[1:-1, 1:-1].mean() > 10 * np.abs(computed - source[1])[both].mean()
