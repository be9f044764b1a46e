"""Synthetic scenes as files: one GeoTIFF per channel, as in a Sentinel-2 Level-1C product, and reference landslides.

``T00SYN_<date>_B01.tif`` to ``_B12.tif`` (uint16 DN at 10, 20 or 60 m, nodata 0, no offset), ``..._elevation.tif``
(float32 metres at 10 m), ``metadata.json`` and ``reference.gpkg``, layer ``landslides``. The tile name cannot be
mistaken for a real one, as there is no UTM zone 00. The CRS is a UTM zone; the location in it has no meaning.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pyogrio
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray

from landslip.channels import CHANNELS
from landslip.files.atomic import atomic_folder, check_disk_space
from landslip.files.progress import Progress, no_progress, track
from landslip.grid.window import Window
from landslip.synthetic.atmosphere import SPECTRAL
from landslip.synthetic.landscape import GRID_PX, Landscape
from landslip.synthetic.landslides import Landslide
from landslip.synthetic.patch_set import SYNTHETIC
from landslip.synthetic.region import PIXEL_M, Region

BLOCK_PX: Final = 768
"""Side of the blocks computed at once: whole tiles of 128 pixels at 10, 20 and 60 m."""
_TILE_PX: Final = 128
_CACHE_MB: Final = 64
"""By default GDAL takes a fraction of the machine's memory."""
_BYTES_PER_PIXEL: Final = 12
"""Compressed size as measured, rounded up."""
REFERENCE: Final = "reference.gpkg"
REFERENCE_LAYER: Final = "landslides"
METADATA: Final = "metadata.json"


def make_scene(folder: Path, region: Region, *, progress: Progress = no_progress) -> int:
    """Simulate the scene of a region and write it, block by block.

    Args:
        folder: a new or empty folder.
        region: from ``make_region``.
        progress: told ``("simulating the scene", blocks done, blocks)``.

    Returns:
        The number of landslides.

    Raises:
        OutputError: the folder is not empty or cannot be written.
    """
    landscape = Landscape(region)
    blocks = [
        Window(row, col, min(BLOCK_PX, region.height_px - row), min(BLOCK_PX, region.width_px - col))
        for row in range(0, region.height_px, BLOCK_PX)
        for col in range(0, region.width_px, BLOCK_PX)
    ]
    count = 0
    check_disk_space(folder, region.height_px * region.width_px * _BYTES_PER_PIXEL)
    with atomic_folder(folder) as unfinished, _disk_errors():
        with rasterio.Env(GDAL_CACHEMAX=_CACHE_MB * 2**20), contextlib.ExitStack() as stack:
            files = {
                name: stack.enter_context(_open_raster(unfinished, region, name)) for name in (*SPECTRAL, "elevation")
            }
            for block in track(blocks, progress, "simulating the scene"):
                view = landscape.render(_widen_to_grid(block))
                for name, dn in view.dn.items():
                    _write(files[name], dn, block, _step(name))
                _write(files["elevation"], view.terrain.elevation_m, block, 1)
                count += _append_landslides(
                    unfinished / REFERENCE, region, landscape.landslides.starting_in(block), count
                )
        (unfinished / METADATA).write_text(json.dumps(_metadata(region, count), indent=2) + "\n")
    return count


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    """Raise errors of rasterio and pyogrio as ``OSError``, which ``atomic_folder`` reports."""
    try:
        yield
    except (rasterio.errors.RasterioError, pyogrio.errors.DataSourceError) as error:
        raise OSError(str(error)) from error


def _widen_to_grid(block: Window) -> Window:
    """Widen a block to whole pixels of 60 m; its upper left corner is aligned already."""
    height, width = (-(-length // GRID_PX) * GRID_PX for length in block.shape)
    return Window(block.row, block.col, height, width)


def _step(name: str) -> int:
    """Return the pixel size of a channel in pixels of 10 m."""
    return round((CHANNELS[name].resolution_m or PIXEL_M) / PIXEL_M)


def region_transform(region: Region, step: int = 1) -> Affine:
    """Return the transform from pixels of ``step`` x 10 m to easting and northing."""
    return Affine(PIXEL_M * step, 0, region.easting_m, 0, -PIXEL_M * step, region.northing_m)


def _open_raster(folder: Path, region: Region, name: str) -> Any:
    """Open the file of a channel for writing."""
    step = _step(name)
    terrain = name == "elevation"
    file = rasterio.open(
        folder / f"T00SYN_{region.date:%Y%m%dT%H%M%S}_{name}.tif",
        "w",
        driver="GTiff",
        height=-(-region.height_px // step),
        width=-(-region.width_px // step),
        count=1,
        dtype="float32" if terrain else "uint16",
        nodata=None if terrain else 0,
        crs=f"EPSG:{region.epsg}",
        transform=region_transform(region, step),
        tiled=True,
        blockxsize=_TILE_PX,
        blockysize=_TILE_PX,
        compress="deflate",
        zlevel=1,
        predictor=3 if terrain else 2,
        bigtiff="if_safer",
    )
    file.set_band_description(1, name)
    file.update_tags(ACQUISITIONDATETIME=f"{region.date:%Y-%m-%dT%H:%M:%SZ}", SYNTHETIC=SYNTHETIC)
    return file


def _write(file: Any, values: NDArray[Any], block: Window, step: int) -> None:
    """Write a block of a channel, cropped to the file."""
    row, col = block.row // step, block.col // step
    height, width = min(values.shape[0], file.height - row), min(values.shape[1], file.width - col)
    window = Window(row, col, height, width)
    file.write(values[:height, :width], 1, window=window.to_rasterio())


def _append_landslides(path: Path, region: Region, landslides: list[Landslide], before: int) -> int:
    """Append landslides, clipped to the scene, to the reference file; return their number."""
    edge = shapely.box(0, 0, region.width_px, region.height_px)
    outlines = shapely.intersection(np.array([landslide.outline for landslide in landslides], object), edge)
    corner, sides = (region.easting_m, region.northing_m), (PIXEL_M, -PIXEL_M)
    moved = shapely.transform(outlines, lambda xy: xy * sides + corner)
    placed = [shapely.MultiPolygon(_polygons(outline)) for outline in moved]
    starts = np.array([landslide.start for landslide in landslides]).reshape(-1, 2) * sides + corner
    table = gpd.GeoDataFrame(
        {
            "id": np.arange(before + 1, before + 1 + len(landslides)),
            "area_m2": shapely.area(placed).astype(np.float64),
            "start_easting_m": starts[:, 0],
            "start_northing_m": starts[:, 1],
            "start_slope_deg": np.array([landslide.start_slope_deg for landslide in landslides], np.float64),
            "freshness": np.array([landslide.freshness for landslide in landslides], np.float64),
        },
        geometry=gpd.GeoSeries(placed, crs=f"EPSG:{region.epsg}"),
        crs=f"EPSG:{region.epsg}",
    )
    if len(table) or not path.exists():
        pyogrio.write_dataframe(
            table, path, layer=REFERENCE_LAYER, driver="GPKG", geometry_type="MultiPolygon", append=path.exists()
        )
    return len(landslides)


def _polygons(shape: Any) -> list[Any]:
    """Return the polygons of a clipped geometry, which may hold lines and points too."""
    return [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]


def _metadata(region: Region, landslides: int) -> dict[str, object]:
    """Return product metadata, and the parameters to simulate the scene again."""
    return {
        "what": SYNTHETIC,
        "level": "L1C-like: reflectance at the top of the atmosphere x 10,000",
        "datetime": f"{region.date:%Y-%m-%dT%H:%M:%SZ}",
        "crs": f"EPSG:{region.epsg}",
        "quantification_value": 10_000,
        "radio_add_offset": 0,
        "sun_zenith_deg": region.sun_zenith_deg,
        "sun_azimuth_deg": region.sun_azimuth_deg,
        "landslides": landslides,
        "region": {**asdict(region), "date": region.date.isoformat()},
    }
