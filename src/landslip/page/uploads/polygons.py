"""Uploaded files of polygons, checked before GDAL opens them."""

import contextlib
import json
import re
import sqlite3
from pathlib import Path
from typing import Any, Final

from landslip.mapping.polygon_formats import LABEL_COLUMNS
from landslip.page import messages
from landslip.page.errors import UploadError
from landslip.page.jobs.tasks import Upload, UploadLimits
from landslip.page.uploads.archive import unpack_polygons

_CRS_NAME: Final = re.compile(r"(urn:ogc:def:crs:)?(EPSG|OGC):[\w.]*:?\w+", re.IGNORECASE)
"""CRS names of GeoJSON files. A CRS may also be a link, which is refused."""
_SPATIAL_INDEX: Final = re.compile(r"\bUSING\s+rtree\s*\(", re.IGNORECASE)
"""The only kind of virtual table that a GeoPackage needs."""


def checked_polygons(upload: Upload, folder: Path, limits: UploadLimits) -> Path:
    """Unpack or check an upload, so that GDAL follows no reference out of it.

    Args:
        upload: of any format of polygons.
        folder: to unpack a zip into; must not exist.
        limits: on the contents of a zip.

    Returns:
        The file to read.

    Raises:
        UploadError: it is damaged, or refers to other files.
    """
    if upload.kind == "zip":
        return unpack_polygons(upload, folder, limits)
    if upload.kind == "geojson":
        _strip_geojson(upload.path, upload.name)
    elif upload.kind == "geopackage":
        _check_tables(upload.path, upload.name)
    return upload.path


def layer_in(path: Path, layer: str | None) -> str | None:
    """Return the layer to read: in formats other than GeoPackage and KML it has a name of our own."""
    return layer if path.suffix in (".gpkg", ".kml") else None


def _strip_geojson(path: Path, name: str) -> None:
    """Keep only the geometries of a GeoJSON file, columns that may tell a class, and the name of its CRS.

    Raises:
        UploadError: it is not GeoJSON, or its CRS has no known name.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        features = content["features"] if content["type"] == "FeatureCollection" else [content]
        crs = content.get("crs")
        kept: dict[str, Any] = {
            "type": "FeatureCollection",
            "features": [
                {"type": "Feature", "properties": _labels(feature), "geometry": feature["geometry"]}
                for feature in features
            ],
        }
        crs_name = None if crs is None else crs["properties"]["name"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UploadError(messages.REFERENCE_GEOJSON.format(name=name)) from error
    if crs_name is not None:
        if not isinstance(crs_name, str) or not _CRS_NAME.fullmatch(crs_name):
            raise UploadError(messages.REFERENCE_GEOJSON.format(name=name))
        kept["crs"] = {"type": "name", "properties": {"name": crs_name}}
    path.write_text(json.dumps(kept), encoding="utf-8")


def _labels(feature: dict[str, Any]) -> dict[str, Any]:
    """Return the properties that may tell whether a polygon is a landslide."""
    held = feature.get("properties")
    if not isinstance(held, dict):
        return {}
    return {
        str(name): value
        for name, value in held.items()
        if str(name).lower() in LABEL_COLUMNS and isinstance(value, str | int | float)
    }


def _check_tables(path: Path, name: str) -> None:
    """Check that no table of a GeoPackage refers to another file.

    Raises:
        UploadError: a table does, or the file is not a database.
    """
    query = "SELECT sql FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL%'"
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as database:
            tables = [str(sql) for (sql,) in database.execute(query)]
    except sqlite3.Error as error:
        raise UploadError(messages.REFERENCE_TABLES.format(name=name)) from error
    if not all(_SPATIAL_INDEX.search(sql) for sql in tables):
        raise UploadError(messages.REFERENCE_TABLES.format(name=name))
