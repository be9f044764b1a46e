"""Parsers of polygon formats that GDAL does not read, or repairs in silence: GeoJSON, CSV with WKT, GeoParquet."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
from arro3.io import read_parquet
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

LON_LAT: Final = CRS.from_epsg(4326)
_GEOJSON: Final = frozenset(
    {"FeatureCollection", "Feature", "GeometryCollection", "Polygon", "MultiPolygon"}
    | {"Point", "MultiPoint", "LineString", "MultiLineString"}
)
_WKT: Final = re.compile(r"\s*(?:SRID\s*=\s*(\d+)\s*;)?\s*((?:MULTI)?POLYGON|GEOMETRYCOLLECTION)\b", re.IGNORECASE)
_HEX_WKB: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){9,}")
_WKT_COLUMNS: Final = frozenset({"wkt", "geom", "geometry", "the_geom", "wkt_geom", "shape"})
LABEL_COLUMNS: Final = frozenset(
    {"landslide", "is_landslide", "landslides", "class", "class_id", "label", "type", "category", "value", "dn"}
)
_NEGATIVE: Final = frozenset(
    {"0", "no", "false", "none", "background", "no landslide", "no_landslide", "non-landslide", "non_landslide"}
    | {"nonlandslide", "not landslide", "stable"}
)
_EARLY_ROWS: Final = 100


class FormatError(ValueError):
    """The content of a file is damaged or not of its format; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The geometries of a layer as they were read, before they are checked and repaired."""

    geometries: NDArray[np.object_]
    """(n,) one for each row; None where a row has no geometry."""
    crs: CRS | None
    closed: int = 0
    """Polygons with an open ring that was closed, or with a hole of fewer than three points that was removed."""
    broken: int = 0
    """Polygons that could not be built."""
    broken_rows: int = 0
    """Rows without a geometry because none of their polygons could be built."""
    remark: str = ""
    """On the attributes, for the end of a sentence that begins with the name of the file; may be empty."""


def find_negatives(columns: Mapping[str, Sequence[object]]) -> str:
    """Return a remark if a column tells that some polygons are no landslides.

    Args:
        columns: the values of each column by its name.

    Example:
        >>> find_negatives({"class": ["landslide", "background", "landslide"]})
        "has 'background' in column 'class' in 1 of 3 rows, and all polygons are read: remove those that do not count"
    """
    for name, values in columns.items():
        if name.lower() not in LABEL_COLUMNS:
            continue
        texts = [str(int(value) if isinstance(value, bool | np.bool_) else value).strip().lower() for value in values]
        texts = [text.removesuffix(".0") for text in texts]
        negative = [text for text in texts if text in _NEGATIVE]
        if negative and len(negative) < len(texts) and (negative[0] != "0" or set(texts) <= {"0", "1", "255"}):
            return (
                f"has '{negative[0]}' in column '{name}' in {len(negative)} of {len(texts)} rows, and all polygons are "
                f"read: remove those that do not count"
            )
    return ""


def geometries_from_wkb(wkb: NDArray[np.object_] | list[bytes | None]) -> tuple[NDArray[np.object_], int, int]:
    """Decode WKB; open rings are closed.

    Returns:
        (n,) geometries, None where there is none; the number of geometries with closed rings; and the number of those
        that could not be decoded.
    """
    given = np.empty(len(wkb), object)
    given[:] = wkb
    present = np.array([one is not None for one in given], bool)
    with np.errstate(invalid="ignore"):
        decoded = np.asarray(shapely.from_wkb(given, on_invalid="ignore"), object)
        failed = np.flatnonzero(present & np.array([one is None for one in decoded], bool))
        closed = broken = 0
        for index in failed:
            decoded[index] = shapely.from_wkb(given[index], on_invalid="fix")
            closed += decoded[index] is not None
            broken += decoded[index] is None
    return decoded, closed, broken


def parse_json(data: bytes) -> Any:
    """Parse JSON in UTF-8 (with or without a byte order mark), UTF-16 or UTF-32.

    Raises:
        FormatError: it is not JSON.
    """
    try:
        return json.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"it is not JSON: {error}") from error


def is_geojson(document: object) -> bool:
    """Return whether a JSON document is GeoJSON, and not TopoJSON or Esri JSON."""
    return isinstance(document, dict) and isinstance(document.get("type"), str) and document["type"] in _GEOJSON


def read_geojson(document: dict[str, Any]) -> Rows:
    """Read GeoJSON (RFC 7946), with the ``crs`` member of its older version.

    Raises:
        FormatError: the features are no list, or the CRS is unknown.
    """
    if document["type"] == "FeatureCollection":
        features = document.get("features")
        if not isinstance(features, list):
            raise FormatError("its 'features' are no list")
    else:
        features = [document]
    rows = np.full(len(features), None, object)
    closed = broken = broken_rows = 0
    for index, feature in enumerate(features):
        geometry = feature
        if isinstance(feature, dict) and feature.get("type") == "Feature":
            geometry = feature.get("geometry")
        parts, broken_before = [], broken
        for rings in _polygons(geometry):
            polygon, was_closed = _build_polygon(rings)
            closed += was_closed
            if polygon is None:
                broken += 1
            else:
                parts.append(polygon)
        if len(parts) == 1:
            rows[index] = parts[0]
        elif parts:
            rows[index] = shapely.MultiPolygon(parts)
        else:
            broken_rows += broken > broken_before
    return Rows(rows, _geojson_crs(document), closed, broken, broken_rows, find_negatives(_properties(features)))


def _properties(features: Sequence[object]) -> dict[str, list[object]]:
    """Return the properties of GeoJSON features as columns; None where a feature lacks one."""
    held = [one.get("properties") if isinstance(one, dict) else None for one in features]
    rows = [one if isinstance(one, dict) else {} for one in held]
    names = {str(name): name for row in rows for name in row if str(name).lower() in LABEL_COLUMNS}
    return {text: [row.get(name) for row in rows] for text, name in names.items()}


def _polygons(geometry: object) -> Iterator[Any]:
    """Yield the coordinates of every polygon of a GeoJSON geometry."""
    pending = [geometry]
    while pending:
        one = pending.pop()
        if not isinstance(one, dict):
            continue
        coordinates = one.get("coordinates")
        match one.get("type"):
            case "Polygon":
                if coordinates != []:
                    yield coordinates
            case "MultiPolygon":
                # Anything but a list of polygons is one polygon that cannot be built.
                yield from coordinates if isinstance(coordinates, list) else [None]
            case "GeometryCollection":
                members = one.get("geometries")
                pending += reversed(members) if isinstance(members, list) else []


def _build_polygon(rings: object) -> tuple[shapely.Polygon | None, bool]:
    """Build a polygon from rings of positions, None where it cannot be; and whether a ring was closed or removed."""
    if not isinstance(rings, list) or not rings:
        return None, False
    arrays, changed = [], False
    for number, ring in enumerate(rings):
        positions = _positions(ring)
        if positions is None:
            return None, False
        distinct = len({tuple(position) for position in positions.tolist()})
        if distinct < 3:
            # A ring without area: a polygon without an outline, or a hole that takes nothing away.
            if number == 0:
                return None, False
            changed = True
            continue
        changed |= not np.array_equal(positions[0], positions[-1])
        arrays.append(positions)
    return shapely.Polygon(arrays[0], arrays[1:]), bool(changed)


def _positions(ring: object) -> NDArray[np.float64] | None:
    """Return the x and y of a ring, (n, 2); None where it is no list of positions with finite coordinates."""
    if not isinstance(ring, list) or not ring:
        return None
    for position in ring:
        if not isinstance(position, list) or len(position) < 2:
            return None
        if any(isinstance(value, bool) or not isinstance(value, int | float) for value in position[:2]):
            return None
    try:
        positions = np.array([position[:2] for position in ring], np.float64)
    except OverflowError:  # an integer of more than 308 digits
        return None
    return positions if np.isfinite(positions).all() else None


def _geojson_crs(document: dict[str, Any]) -> CRS:
    member = document.get("crs")
    if member is None:
        return LON_LAT
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(name, str):
        raise FormatError("its 'crs' has no name")
    try:
        return CRS.from_user_input(name)
    except CRSError as error:
        raise FormatError(f"its CRS '{name}' is unknown") from error


def read_csv(data: bytes, prj: str | None) -> Rows | None:
    """Read a CSV with a column of WKT, EWKT or hexadecimal WKB.

    Args:
        data: the file.
        prj: CRS as WKT, from a ``.prj`` file beside it.

    Returns:
        The rows; None where no column holds polygons.

    Raises:
        FormatError: it is no CSV, or its CRS is unknown or differs between rows.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count)
    limit = csv.field_size_limit(2**31 - 1)
    try:
        table = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise FormatError(str(error)) from error
    finally:
        csv.field_size_limit(limit)
    column = _wkt_column(table)
    if column is None:
        return None
    cells = [row[column] if column < len(row) else "" for row in table[1:] if row]
    srids = {match[1] for cell in cells if (match := _WKT.match(cell)) and match[1]}
    if len(srids) > 1:
        raise FormatError(f"its rows have the SRIDs {', '.join(sorted(srids))}: all rows must have one")
    geometries = np.full(len(cells), None, object)
    closed = broken = 0
    with np.errstate(invalid="ignore"):
        for index, cell in enumerate(cells):
            geometry = re.sub(r"^SRID\s*=\s*\d+\s*;", "", cell.strip(), flags=re.IGNORECASE)
            if not geometry:
                continue
            decode = shapely.from_wkb if _HEX_WKB.fullmatch(geometry) else shapely.from_wkt
            geometries[index] = decode(geometry, on_invalid="ignore")
            if geometries[index] is None:
                geometries[index] = decode(geometry, on_invalid="fix")
                closed += geometries[index] is not None
                broken += geometries[index] is None
    try:
        crs = CRS.from_epsg(int(srids.pop())) if srids else CRS.from_user_input(prj) if prj else None
    except CRSError as error:
        raise FormatError(f"its CRS is unknown ({error})") from error
    return Rows(geometries, crs, closed, broken, broken)


def _wkt_column(table: list[list[str]]) -> int | None:
    """Return the column of polygons: one with a usual name first, else the first one that holds any."""
    if not table:
        return None
    for named in (True, False):
        for column, name in enumerate(table[0]):
            if named and name.strip().lower() not in _WKT_COLUMNS:
                continue
            cells = [row[column] for row in table[1:_EARLY_ROWS] if column < len(row)]
            if any(_WKT.match(cell) or (named and _HEX_WKB.fullmatch(cell.strip())) for cell in cells):
                return column
    return None


def read_geoparquet(data: bytes) -> Rows:
    """Read GeoParquet 1.0 or 1.1 with geometries as WKB.

    Raises:
        FormatError: it is no GeoParquet, or has another encoding.
    """
    if len(data) < 12 or not (data[:4] == data[-4:] == b"PAR1"):
        raise FormatError("it is no Parquet file, or incomplete")
    # Checked here, because the library prints a traceback before it raises.
    if not 0 < int.from_bytes(data[-8:-4], "little") <= len(data) - 12:
        raise FormatError("it is a damaged Parquet file: its directory is not inside the file")
    try:
        reader = read_parquet(io.BytesIO(data))
        metadata = json.loads(reader.schema.metadata[b"geo"])
        name = metadata["primary_column"]
        column = metadata["columns"][name]
        encoding = column["encoding"]
        wkb: list[bytes | None] = []
        if encoding == "WKB":
            wkb = [one for batch in reader for one in batch[name].to_pylist()]
    except KeyError as error:
        raise FormatError(f"it is Parquet without the metadata of GeoParquet (no {error})") from error
    except BaseException as error:  # the library raises its own kinds, and panics that are no Exception
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise FormatError(f"it is a damaged Parquet file: {' '.join(str(error).split())[:100]}") from error
    if encoding != "WKB":
        raise FormatError(f"its geometries have the encoding {encoding}, expected WKB")
    try:
        # A missing CRS is longitude and latitude, null an undefined one (OGC 24-013).
        crs = LON_LAT if "crs" not in column else None if column["crs"] is None else CRS.from_json_dict(column["crs"])
    except CRSError as error:
        raise FormatError(f"its CRS is unknown ({error})") from error
    geometries, closed, broken = geometries_from_wkb(wkb)
    return Rows(geometries, crs, closed, broken, broken)
