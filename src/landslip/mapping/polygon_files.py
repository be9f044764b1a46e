"""Polygons from vector files: the reader of areas of interest and of reference inventories.

Open rings are closed, self-intersecting polygons are made valid, and polygons that cannot be used are left out. All of
these are counted, see ``PolygonFile.notes``.
"""

import warnings
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS
from pyproj.exceptions import CRSError
from shapely.geometry.base import BaseGeometry

from landslip.errors import PolygonFileError
from landslip.files.path_names import check_path_name, is_system_file
from landslip.grid.polygons import keep_polygons
from landslip.mapping.polygon_formats import (
    LABEL_COLUMNS,
    LON_LAT,
    FormatError,
    Rows,
    find_negatives,
    geometries_from_wkb,
    is_geojson,
    parse_json,
    read_csv,
    read_geojson,
    read_geoparquet,
)

ENDINGS: Final = frozenset(
    {".gpkg", ".geojson", ".json", ".geojsonl", ".shp", ".fgb", ".parquet", ".geoparquet", ".kml", ".kmz", ".gdb"}
    | {".csv", ".gml", ".tab", ".mif", ".zip"}
)
FORMATS: Final = (
    "GeoPackage (.gpkg), GeoJSON, shapefile (.shp), FlatGeobuf (.fgb), GeoParquet (.parquet), KML or KMZ, File "
    "Geodatabase (.gdb), CSV with a column of WKT, GML, MapInfo (.tab, .mif), or a zip file of one of these"
)
_DRIVERS: Final = frozenset(
    {"GPKG", "GeoJSON", "GeoJSONSeq", "TopoJSON", "ESRIJSON", "ESRI Shapefile", "FlatGeobuf", "KML", "LIBKML"}
    | {"OpenFileGDB", "GML", "MapInfo File"}
)
_PARQUET: Final = (".parquet", ".geoparquet")
_LIMIT: Final = 1e12
"""No coordinate of a CRS on Earth is larger, in any unit."""
_GDAL_ERRORS: Final = (DataSourceError, DataLayerError, CRSError, FormatError, OSError, ValueError)


@dataclass(frozen=True, slots=True, eq=False)
class PolygonFile:
    """The polygons of one layer of a file, all valid."""

    name: str
    geometries: NDArray[np.object_]
    """(n,) polygons and multipolygons."""
    crs: CRS | None
    repaired: int = 0
    """Self-intersecting polygons that were made valid; both sides of a crossing count as inside."""
    skipped: int = 0
    """Rows without a polygon: empty geometries, points, lines."""
    closed: int = 0
    """Polygons with an open ring that was closed, or with a hole of fewer than three points that was removed."""
    left_out: int = 0
    """Polygons without area, or with coordinates that are not finite numbers or no degrees."""
    remarks: tuple[str, ...] = ()
    """On the file, in sentences."""

    def notes(self) -> tuple[str, ...]:
        """Describe repaired, skipped and left out polygons, in sentences."""
        notes = list(self.remarks)
        if self.closed:
            notes.append(f"{self.closed} polygons of {self.name} had rings that were not closed: they were closed")
        if self.repaired:
            notes.append(f"{self.repaired} self-intersecting polygons of {self.name} were made valid")
        if self.left_out:
            notes.append(
                f"{self.left_out} polygons of {self.name} were left out: they have no area, or coordinates that are "
                "not finite numbers or lie outside their CRS"
            )
        if self.skipped:
            notes.append(f"{self.skipped} rows of {self.name} hold no polygon and were skipped")
        return tuple(notes)


@dataclass(frozen=True, slots=True)
class _Layer:
    name: str
    holds_polygons: bool | None
    """By the type of the layer; None where the type does not tell."""
    read: Callable[[], Rows]


def is_polygon_file(path: Path) -> bool:
    """Return whether the ending of a path is that of a vector format."""
    return path.suffix.lower() in ENDINGS


def read_polygon_file(path: Path, layer: str | None = None, *, preferred: str | None = None) -> PolygonFile:
    """Read the polygons of a file, see ``FORMATS``.

    Args:
        path: of a file, or of a File Geodatabase folder.
        layer: name of the layer, needed where several hold polygons.
        preferred: name of the layer that is read where several hold polygons and ``layer`` is None.

    Raises:
        PolygonFileError: the file cannot be read, several layers hold polygons and none was chosen, or it has rows
            but no polygon that can be used.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "area.csv"
        ...     _ = path.write_text('name,wkt\\na,"SRID=4326;POLYGON ((92 22, 93 22, 93 23))"')
        ...     polygons = read_polygon_file(path)
        >>> polygons.notes()
        ('1 polygons of area.csv had rings that were not closed: they were closed',)
    """
    if not is_polygon_file(path):
        raise PolygonFileError(f"{path} is not a file of polygons that can be read: give {FORMATS}")
    try:
        chosen, remarks = _choose(path, _list_layers(path), layer, preferred)
        rows = chosen.read()
    except _GDAL_ERRORS as error:
        reason = " ".join(str(error).split())[:200]
        raise PolygonFileError(f"{path} cannot be read as polygons ({reason}): give {FORMATS}") from error
    return _check(path, rows, remarks)


def _choose(
    path: Path, layers: Sequence[_Layer], layer: str | None, preferred: str | None
) -> tuple[_Layer, tuple[str, ...]]:
    """Return the layer to read, and remarks on the choice."""
    names = ", ".join(f"'{one.name}'" for one in layers)
    if layer is not None:
        for one in layers:
            if one.name == layer:
                return one, ()
        raise PolygonFileError(f"{path} has no layer '{layer}': it has {names or 'none'}", parameter="layer")
    if not layers:
        raise PolygonFileError(f"{path} holds no layer of polygons: give {FORMATS}")
    held = [one for one in layers if one.holds_polygons is not False]
    if len(held) > 1:
        # The type of a layer of KML or CAD data is often unknown.
        held = [one for one in held if one.holds_polygons or _holds_polygons(one.read().geometries)]
    if len(held) <= 1:
        return (held or layers)[0], ()
    names = ", ".join(f"'{one.name}'" for one in held)
    for one in held:
        if one.name == preferred:
            return one, (f"of the layers {names} of {path.name}, '{one.name}' was read",)
    raise PolygonFileError(f"{path} holds several layers of polygons, {names}: set layer to one", parameter="layer")


def _list_layers(path: Path) -> list[_Layer]:
    suffix = path.suffix.lower()
    check_path_name(path, PolygonFileError, "", forbidden="!")
    if suffix == ".zip":
        return _zip_layers(path)
    if suffix == ".gdb" or path.is_dir():
        return _gdal_layers(str(path))
    return _file_layers(str(path), path.name, path.read_bytes, lambda: _prj_of(path))


def _prj_of(path: Path) -> str | None:
    prj = path.with_suffix(".prj")
    return prj.read_text(encoding="utf-8", errors="replace") if prj.is_file() else None


def _file_layers(
    source: str, name: str, read: Callable[[], bytes], prj: Callable[[], str | None] = lambda: None
) -> list[_Layer]:
    """List the layers of a file: by the parsers of ``polygon_formats`` where there is one, else by GDAL."""
    suffix, stem = PurePosixPath(name).suffix.lower(), PurePosixPath(name).stem
    if suffix in _PARQUET:
        return [_Layer(stem, True, lambda: read_geoparquet(read()))]
    if suffix == ".csv":
        rows = read_csv(read(), prj())
        if rows is None:
            raise FormatError("no column holds polygons as WKT")
        return [_Layer(stem, True, lambda: rows)]
    if suffix in (".geojson", ".json"):
        document = parse_json(read())
        if is_geojson(document):
            return [_Layer(stem, True, lambda: read_geojson(document))]
    return _gdal_layers(source)


def _gdal_layers(source: str) -> list[_Layer]:
    """List the layers with geometries; a table such as the styles that QGIS saves in a GeoPackage has none."""
    listed = [(str(name), kind) for name, kind in pyogrio.list_layers(source) if kind is not None]
    if listed and (driver := pyogrio.read_info(source, layer=listed[0][0])["driver"]) not in _DRIVERS:
        raise FormatError(f"its content is of the format {driver}")
    return [_Layer(name, _polygon_type(str(kind)), partial(_read_gdal, source, name)) for name, kind in listed]


def _polygon_type(kind: str) -> bool | None:
    """Return whether layers of a geometry type hold polygons; None where the type does not tell."""
    if any(word in kind for word in ("Polygon", "Surface", "TIN", "Triangle")):
        return True
    return None if "Unknown" in kind or "Collection" in kind else False


def _read_gdal(source: str, layer: str) -> Rows:
    with warnings.catch_warnings():
        # Such as of open rings, which are counted.
        warnings.simplefilter("ignore", RuntimeWarning)
        info = pyogrio.read_info(source, layer=layer)
        named = [name for name in info["fields"].tolist() if name.lower() in LABEL_COLUMNS]
        meta, _, wkb, values = pyogrio.raw.read(source, layer=layer, columns=named, force_2d=True)
    geometries, closed, broken = geometries_from_wkb(wkb if wkb is not None else [])
    crs = CRS.from_user_input(meta["crs"]) if meta["crs"] else None
    columns = dict(zip(meta["fields"].tolist(), [one.tolist() for one in values], strict=True))
    return Rows(geometries, crs, closed, broken, broken, find_negatives(columns))


def _zip_layers(path: Path) -> list[_Layer]:
    """List the layers of every vector file in a zip file, in any folder."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if not name.endswith("/")]
    except zipfile.BadZipFile as error:
        raise FormatError("it is no zip file") from error
    root = f"/vsizip/{{{path.resolve()}}}"
    databases, files = set(), []
    for member in members:
        parts = PurePosixPath(member).parts
        folder = next((index for index, part in enumerate(parts) if part.lower().endswith(".gdb")), None)
        if "__MACOSX" in parts or is_system_file(Path(member)):
            continue
        if folder is not None:
            databases.add("/".join(parts[: folder + 1]))
        elif PurePosixPath(member).suffix.lower() in ENDINGS - {".zip"}:
            files.append(member)
    if not databases and any(member.lower().endswith(".gdbtable") for member in members):
        return _gdal_layers(str(path))  # a File Geodatabase zipped without its folder
    several = len(databases) + len(files) > 1
    layers: list[_Layer] = []
    failed: Exception | None = None
    for member in [*sorted(databases), *files]:
        source = f"{root}/{member}"
        try:
            found = (
                _gdal_layers(source)
                if member in databases
                else _file_layers(source, member, partial(_unzip, path, member))
            )
        except _GDAL_ERRORS as error:
            # Zip files also hold other tables and texts, such as metadata.json.
            failed = failed or error
            continue
        layers += [
            _Layer(f"{member}/{one.name}" if len(found) > 1 else member, one.holds_polygons, one.read)
            if several
            else one
            for one in found
        ]
    if failed and not layers:
        raise FormatError(str(failed)) from failed
    return layers


def _unzip(path: Path, member: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(member)
    # RuntimeError: encrypted; its subclass NotImplementedError: an unknown compression.
    except (zipfile.BadZipFile, RuntimeError, EOFError) as error:
        raise FormatError(f"{member} cannot be unzipped ({error})") from error


def _holds_polygons(geometries: NDArray[np.object_]) -> bool:
    kinds = shapely.get_type_id(geometries)
    return bool(np.isin(kinds, (3, 6)).any()) or any(_polygon_parts(one).size for one in geometries[kinds == 7])


def _polygon_parts(geometry: BaseGeometry) -> NDArray[np.object_]:
    """Return the polygons of a geometry of any type, (n,)."""
    parts = np.array([geometry], object)
    while (nested := shapely.get_type_id(parts) >= 4).any():
        parts = np.concatenate([parts[~nested], shapely.get_parts(parts[nested])])
    return np.asarray(parts[(shapely.get_type_id(parts) == 3) & ~shapely.is_empty(parts)], object)


def _check(path: Path, rows: Rows, remarks: tuple[str, ...]) -> PolygonFile:
    """Repair the polygons of a layer and leave out those that cannot be used."""
    given, crs, name = rows.geometries, rows.crs, path.name
    remarks = (*remarks, f"{name} {rows.remark}") if rows.remark else remarks
    coordinates, owners = shapely.get_coordinates(given, return_index=True)
    if crs is None and path.suffix.lower() == ".csv" and _in_degrees(coordinates).all():
        crs, remarks = LON_LAT, (*remarks, f"{name} has no CRS: its coordinates are taken as longitude and latitude")
    geographic = crs is not None and crs.is_geographic
    finite = (np.abs(coordinates) < _LIMIT).all(axis=1)  # False for NaN
    doubtful = ~finite | ~_in_degrees(coordinates) if geographic else ~finite
    good = np.isin(shapely.get_type_id(given), (3, 6)) & ~shapely.is_empty(given)
    good[owners[doubtful]] = False
    good[good] = shapely.is_valid(given[good]) & (shapely.area(given[good]) > 0)
    kept = np.full(len(given), None, object)
    kept[good] = shapely.force_2d(given[good])
    repaired, left_out, skipped = 0, rows.broken, -rows.broken_rows
    for index in np.flatnonzero(~good):
        parts = np.empty(0, object) if given[index] is None else _polygon_parts(given[index])
        if not len(parts):
            skipped += 1
            continue
        usable = parts[[_is_usable(part, geographic=geographic) for part in parts.tolist()]]
        # Parts are repaired one by one: make_valid would remove where two parts of a multipolygon overlap.
        polygons = [keep_polygons(one) for one in shapely.make_valid(shapely.force_2d(usable)).tolist()]
        one = shapely.union_all(polygons)
        left_out += len(parts) - len(usable) + sum(not polygon.area > 0 for polygon in polygons)
        if one.area > 0:
            kept[index] = one
            complete = len(usable) == len(parts)
            repaired += not shapely.is_valid(usable).all() or (complete and not shapely.is_valid(given[index]))
    kept = kept[[one is not None for one in kept]] if len(kept) else kept
    if not len(kept) and len(given):
        if geographic and finite.any() and not _in_degrees(coordinates[finite]).any():
            x, y = coordinates[finite][0]
            raise PolygonFileError(
                f"{path} has coordinates such as {x:g}, {y:g}, which are not longitude and latitude in degrees: save "
                "it with its CRS"
            )
        reason = (
            "their coordinates are not finite numbers, or enclose no area"
            if left_out
            else ("only points, lines or empty rows")
        )
        raise PolygonFileError(f"{path} holds no polygon that can be used, {reason}: give outlines as polygons")
    return PolygonFile(name, kept, crs, repaired, skipped, rows.closed, left_out, remarks)


def _is_usable(polygon: BaseGeometry, *, geographic: bool) -> bool:
    coordinates = shapely.get_coordinates(polygon)
    return bool((np.abs(coordinates) < _LIMIT).all()) and (not geographic or bool(_in_degrees(coordinates).all()))


def _in_degrees(coordinates: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of (n, 2) coordinates may be longitude and latitude; longitudes may go around once more."""
    return np.asarray((np.abs(coordinates) <= (540, 90.000001)).all(axis=1))
