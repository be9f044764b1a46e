"""Terrain of a scene with elevation, as one GeoTIFF for each quantity."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import rasterio
from numpy.typing import NDArray

from landslip.errors import SceneError, SettingsError
from landslip.files.atomic import atomic_folder, check_disk_space
from landslip.files.progress import Progress, no_progress, track
from landslip.grid.lattice import split_blocks
from landslip.grid.relief import relief_m
from landslip.grid.terrain import SUN_ALTITUDE_DEG, SUN_AZIMUTH_DEG
from landslip.grid.terrain_grid import derivatives_on_grid, gradient_on_grid, pixel_size_on_grid
from landslip.grid.window import Window
from landslip.scenes.scene import Scene

RELIEF_WINDOW_M: Final = 500.0
_BLOCK_PX: Final = 1024
_TILE_PX: Final = 512
_MAX_WINDOW_PX: Final = 2001


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity of the terrain."""

    title: str
    unit: str
    dtype: str = "float32"
    nodata: float = float("nan")


QUANTITIES: Final[Mapping[str, Quantity]] = MappingProxyType(
    {
        "slope": Quantity("slope (Horn 1981)", "deg"),
        "aspect": Quantity("downslope direction, clockwise from grid north (Horn 1981)", "deg"),
        "profile_curvature": Quantity(
            "curvature along the slope, positive where convex (Zevenbergen and Thorne 1987)", "1/m"
        ),
        "plan_curvature": Quantity(
            "curvature across the slope, positive in hollows (Zevenbergen and Thorne 1987)", "1/m"
        ),
        "relief": Quantity("highest minus lowest elevation in a square window", "m"),
        "hillshade": Quantity(
            f"1 + 254 x cosine of the incidence of light from {SUN_AZIMUTH_DEG:g} degrees, "
            f"{SUN_ALTITUDE_DEG:g} degrees high",
            "",
            "uint8",
            0,
        ),
    }
)
"""What is computed, by the name of its file."""


def write_terrain(
    scene: Scene,
    folder: str | Path,
    *,
    relief_window_m: float = RELIEF_WINDOW_M,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> tuple[Path, ...]:
    """Compute the terrain of a scene, and write ``slope.tif``, ``aspect.tif`` and the rest of ``QUANTITIES``.

    Elevation on another grid is resampled to that of the scene before anything is computed. A pixel has no value where
    one that it depends on is nodata.

    Args:
        scene: with the channel elevation.
        folder: for the files; created.
        relief_window_m: side of the window of the relief; rounded to an odd number of pixels, at least 3.
        overwrite: whether the folder may have files already.
        progress: told the blocks that are done.

    Returns:
        The files.

    Raises:
        SceneError: the scene has no georeference or no elevation, or a file cannot be read.
        SettingsError: the window is not positive, or more than 2,001 pixels wide.
        OutputError: the folder exists, or cannot be written.
    """
    scene.require(["elevation"], "terrain")
    if not scene.georeferenced:
        raise SceneError("terrain needs a CRS: give elevation with a georeference", parameter="paths")
    window = _window_px(scene, relief_window_m)
    check_disk_space(folder, scene.height * scene.width * (4 * (len(QUANTITIES) - 1) + 1))
    final = Path(folder)
    with atomic_folder(final, overwrite=overwrite) as temporary, rasterio.Env(), ExitStack() as stack:
        files = {
            name: stack.enter_context(rasterio.open(temporary / f"{name}.tif", "w", **_profile(scene, quantity)))
            for name, quantity in QUANTITIES.items()
        }
        for name, quantity in QUANTITIES.items():
            files[name].set_band_description(1, name)
            files[name].update_tags(1, title=quantity.title, unit=quantity.unit)
        files["relief"].update_tags(1, window_px=f"{window[0]} x {window[1]}")
        blocks = list(split_blocks(scene.window, _BLOCK_PX))
        for block in track(blocks, progress, "computing terrain"):
            for name, values in terrain_of(scene, block, window).items():
                files[name].write(values, 1, window=block.to_rasterio())
    return tuple(final / f"{name}.tif" for name in QUANTITIES)


def terrain_of(scene: Scene, block: Window, relief_window_px: tuple[int, int]) -> dict[str, NDArray[Any]]:
    """Compute every quantity in a window of a scene; the same in any window.

    Args:
        scene: with the channel elevation.
        block: pixels of the scene.
        relief_window_px: rows and columns of the window of the relief, odd.

    Returns:
        (h, w) by name, as they are stored.

    Raises:
        SceneError: a file cannot be read.
    """
    margin = max(1, *(side // 2 for side in relief_window_px))
    around = block.expand(margin).intersection(scene.window) or block
    values, valid = scene.read(["elevation"], around)
    elevation = np.where(valid, values[0], np.float32(np.nan))
    inner = block.relative_to(around).slices
    gradient = gradient_on_grid(elevation, scene.geobox, around)
    second = derivatives_on_grid(elevation, scene.geobox, around)
    shade = gradient.hillshade()
    known = np.isfinite(shade)
    found: dict[str, NDArray[Any]] = {
        "slope": gradient.slope_deg(),
        "aspect": gradient.aspect_deg(),
        "profile_curvature": second.profile_curvature(),
        "plan_curvature": second.plan_curvature(),
        "relief": relief_m(elevation, *relief_window_px),
        "hillshade": np.where(known, np.rint(1 + 254 * np.where(known, shade, 0)), 0).astype(np.uint8),
    }
    return {name: one[inner] for name, one in found.items()}


def _window_px(scene: Scene, side_m: float) -> tuple[int, int]:
    """Return rows and columns of the window of the relief.

    Raises:
        SettingsError: the window is not positive, or too wide.
    """
    sizes = pixel_size_on_grid(scene.geobox)
    if not (np.isfinite(side_m) and side_m > 0):
        raise SettingsError(f"relief_window_m must be positive, got {side_m:g}", parameter="relief_window_m")
    rows, cols = (max(3, 2 * round((side_m / size - 1) / 2) + 1) for size in sizes)
    if max(rows, cols) > _MAX_WINDOW_PX:
        raise SettingsError(
            f"relief_window_m is {side_m:g}, which is {max(rows, cols):,} pixels: give at most "
            f"{_MAX_WINDOW_PX * min(sizes):,.0f} m",
            parameter="relief_window_m",
        )
    return rows, cols


def _profile(scene: Scene, quantity: Quantity) -> dict[str, Any]:
    """Return the settings of a file."""
    return {
        "driver": "GTiff",
        "height": scene.height,
        "width": scene.width,
        "count": 1,
        "dtype": quantity.dtype,
        "nodata": quantity.nodata,
        "crs": scene.geobox.crs.to_wkt() if scene.geobox.crs else None,
        "transform": scene.geobox.affine,
        "tiled": True,
        "blockxsize": _TILE_PX,
        "blockysize": _TILE_PX,
        "compress": "deflate",
        "predictor": 3 if quantity.dtype == "float32" else 2,
        "bigtiff": "if_safer",
    }
