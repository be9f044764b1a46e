"""The maps that are merged: found in folders, each once, in an order that does not depend on how they were given."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import shapely
from affine import Affine
from pyproj import CRS

from landslip.errors import ReferenceDataError
from landslip.grid.map_grid import MapGrid
from landslip.mapping.finished_map import read_summary
from landslip.mapping.inventory.files import EXCLUDED_LAYER, LAYER, has_excluded
from landslip.mapping.metadata.summary import Summary
from landslip.mapping.products import GEOPACKAGE, PROBABILITY, SUMMARY


@dataclass(frozen=True, slots=True)
class MapSource:
    """A finished map that is merged."""

    name: str
    """Of its folder, with the folder above where several maps have the same."""
    folder: Path
    summary: Summary

    @property
    def crs(self) -> CRS:
        """The CRS of its polygons."""
        return CRS.from_user_input(self.summary.scene.crs)

    @property
    def grid(self) -> MapGrid:
        """The grid of its pixels."""
        scene = self.summary.scene
        return MapGrid(self.crs, Affine(*scene.transform), scene.height, scene.width)

    @property
    def date(self) -> str | None:
        """Acquisition date, if known."""
        return self.summary.scene.date.date().isoformat() if self.summary.scene.date else None

    def is_part_of_same_scene(self, other: "MapSource") -> bool:
        """Return whether both maps are of parts of one scene, by one detector at one threshold."""
        return _scene_key(self.summary) is not None and _scene_key(self.summary) == _scene_key(other.summary)


def find_maps(folders: Sequence[Path]) -> list[MapSource]:
    """Find finished maps: folders of maps, or folders that hold such folders.

    A map that is given twice counts once. The order is that of date, scene and name.

    Raises:
        ReferenceDataError: a folder holds no finished map, or a map has no CRS.
    """
    if not folders:
        raise ReferenceDataError("maps is empty: give the folders of finished maps", parameter="maps")
    found = {path.resolve(): path for folder in folders for path in _map_folders(folder)}
    summaries = {path: read_summary(path) for path in found.values()}
    same: dict[object, Path] = {}
    for path, summary in summaries.items():
        if summary.scene.crs is None:
            raise ReferenceDataError(
                f"the map in {path} has no CRS, so its polygons have no place among others: leave it out",
                parameter="maps",
            )
        key = (summary.identity, summary.files.get(PROBABILITY)) if summary.identity else path.resolve()
        # Of equal maps the first by name is kept.
        same[key] = min(same.get(key, path), path, key=lambda one: (one.name, str(one.resolve())))
    names = _names(same.values())
    sources = [MapSource(names[path], path, summaries[path]) for path in same.values()]
    return sorted(sources, key=_order)


def read_landslides(source: MapSource, reference: MapGrid | None = None) -> gpd.GeoDataFrame:
    """Read the landslides of a map.

    Args:
        source: the map.
        reference: grid of another map of the same scene, to which outlines are aligned: the corners of its pixels have
            other rounding errors.

    Raises:
        ReferenceDataError: they cannot be read.
    """
    return _read(source, LAYER, reference)


def read_excluded(source: MapSource, reference: MapGrid | None = None) -> gpd.GeoDataFrame | None:
    """Read the candidates of a map that masks rule out; None where it has none."""
    if not has_excluded(source.folder / GEOPACKAGE):
        return None
    return _read(source, EXCLUDED_LAYER, reference)


def reference_grids(sources: Sequence[MapSource]) -> list[MapGrid | None]:
    """Return the grid to which the outlines of each map are aligned: that of the first map of the same scene."""
    first: dict[object, MapSource] = {}
    grids: list[MapGrid | None] = []
    for source in sources:
        key = _scene_key(source.summary) or source.folder
        grids.append(first[key].grid if key in first else None)
        first.setdefault(key, source)
    return grids


def _read(source: MapSource, layer: str, reference: MapGrid | None) -> gpd.GeoDataFrame:
    try:
        table = pyogrio.read_dataframe(source.folder / GEOPACKAGE, layer=layer)
    except pyogrio.errors.DataSourceError as error:
        raise ReferenceDataError(
            f"{source.folder / GEOPACKAGE} cannot be read: map the scene again", parameter="maps"
        ) from error
    if reference is not None:
        to_pixels = ~reference.transform
        table = table.set_geometry(
            shapely.transform(table.geometry.to_numpy(), lambda xy: reference.to_crs(np.rint(_apply(to_pixels, xy)))),
            crs=table.crs,
        )
    return table


def _apply(transform: Affine, points: np.ndarray) -> np.ndarray:
    x, y = points.T
    return np.column_stack(
        [transform.a * x + transform.b * y + transform.c, transform.d * x + transform.e * y + transform.f]
    )


def _map_folders(folder: Path) -> list[Path]:
    """Return the folder of a map itself, or the maps in it.

    Raises:
        ReferenceDataError: there are none.
    """
    if (folder / SUMMARY).is_file():
        return [folder]
    inside = sorted(one.parent for one in folder.glob(f"*/{SUMMARY}")) if folder.is_dir() else []
    if not inside:
        raise ReferenceDataError(
            f"{folder} holds no finished landslide map: give the folder of a map, or one with folders of maps",
            parameter="maps",
        )
    return inside


def _scene_key(summary: Summary) -> object:
    """Return what maps of parts of one scene have in common; None for a scene without an identity."""
    same = (summary.scene.identity, summary.detector_sha256, summary.threshold, summary.scene.crs)
    return same if summary.scene.identity else None


def _order(source: MapSource) -> tuple[str, str, str, str]:
    summary = source.summary
    return source.date or "", summary.scene.name, source.name, summary.files.get(PROBABILITY, "")


def _names(folders: Iterable[Path]) -> dict[Path, str]:
    known = list(folders)
    counts = Counter(path.resolve().name for path in known)
    return {
        path: path.resolve().name
        if counts[path.resolve().name] == 1
        else f"{path.resolve().parent.name}/{path.resolve().name}"
        for path in known
    }
