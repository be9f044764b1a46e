"""A landslide map that is finished, opened again."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pydantic import ValidationError

from landslip.errors import TruthError
from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.mapping.metadata.summary import Summary
from landslip.mapping.products import PROBABILITY, SUMMARY
from landslip.mapping.raster.probability import ProbabilityRaster
from landslip.mapping.workspace import sha256_of
from landslip.scenes.raster_file import RasterFile


@dataclass(frozen=True, slots=True)
class FinishedMap:
    """The probability raster of a map, with its record."""

    folder: Path
    summary: Summary
    geobox: GeoBox
    """Without a CRS where the image had none; one unit is a metre then."""
    grid: MapGrid

    def levels(self, window: Window) -> NDArray[np.uint8]:
        """Probability levels (h, w) at a window; 255 where not observed.

        Raises:
            TruthError: they cannot be read.
        """
        try:
            return ProbabilityRaster(self.folder / PROBABILITY, self.grid).read(window)
        except OSError as error:
            raise TruthError(f"{self.folder / PROBABILITY} cannot be read ({error}): map the scene again") from error


def open_map(folder: Path) -> FinishedMap:
    """Open the folder of a finished map.

    Raises:
        TruthError: it holds no finished map, or its raster is not the one that its summary names.
        SceneError: the raster cannot be read.
    """
    remedy = "give a folder written by  landslip map"
    try:
        summary = Summary.model_validate_json((folder / SUMMARY).read_text(encoding="utf-8"))
        sha256 = sha256_of(folder / PROBABILITY)
    except OSError as error:
        raise TruthError(f"{folder} holds no finished landslide map ({error.strerror}): {remedy}") from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise TruthError(f"{folder / SUMMARY} is no record of a map that this landslip can read: {remedy}") from error
    if summary.files.get(PROBABILITY) != sha256:
        raise TruthError(
            f"{folder / PROBABILITY} was changed after the map was made (its summary names another sha256): {remedy}"
        )
    file = RasterFile(folder / PROBABILITY)
    size_x, size_y = summary.scene.pixel_size_m
    transform = file.transform if file.crs else Affine.scale(size_x, size_y)
    geobox = GeoBox(file.shape, transform, file.crs)
    return FinishedMap(folder, summary, geobox, MapGrid.of(geobox, Window(0, 0, *file.shape)))
