"""The files of an inventory: a GeoPackage, and the same rows as GeoParquet 1.1.

Both are written in chunks, so that memory does not grow with the number of landslides.
"""

import contextlib
import errno
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import geopandas as gpd
import pyogrio
import pyogrio.raw
from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
from arro3.io import write_parquet
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from landslip.files.georeference_warnings import ignore_missing_crs
from landslip.mapping.inventory.attributes import COLUMNS

LAYER: Final = "landslides"
EXCLUDED_LAYER: Final = "excluded"
"""Candidates that a mask rules out, with the reason."""
REASON: Final = "reason"
NOT_NEW_LAYER: Final = "not_new"
"""Candidates of the image after that were there before the event."""
CHUNK: Final = 10_000
_ARROW: Final = {"int64": DataType.int64(), "float64": DataType.float64(), "str": DataType.utf8()}

Item = TypeVar("Item")


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """Yield items in lists of at most ``size``."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def append_to_geopackage(path: Path, table: gpd.GeoDataFrame, layer: str = LAYER) -> None:
    """Append landslides to a layer, which is created where missing, also by an empty table.

    Raises:
        OSError: they could not be written.
    """
    with _access(path), ignore_missing_crs(table.crs):
        pyogrio.write_dataframe(
            table, path, layer=layer, driver="GPKG", geometry_type="MultiPolygon", append=path.exists()
        )


def check_geopackage(path: Path, count: int, layer: str = LAYER) -> None:
    """Check the number of landslides in a layer on disk, since GDAL does not report errors on closing a GeoPackage.

    Raises:
        OSError: the number differs.
    """
    with _access(path):
        found = pyogrio.read_info(path, layer=layer, force_feature_count=True)["features"]
    if found != count:
        raise OSError(errno.EIO, f"{path.name} holds {found} of {count} landslides in layer '{layer}'")


@contextlib.contextmanager
def _access(path: Path) -> Iterator[None]:
    """Turn GDAL's errors into OSError."""
    try:
        yield
    except (DataSourceError, DataLayerError) as error:
        reason = str(error).rsplit(" failed: ", maxsplit=1)[-1]  # the text before it is long SQL
        raise OSError(errno.EIO, f"{path.name}: {reason}") from error


def read_geopackage(path: Path, layer: str = LAYER) -> Iterator[gpd.GeoDataFrame]:
    """Read the landslides of a layer in chunks, in the order of their ids."""
    count = pyogrio.read_info(path, layer=layer)["features"]
    for first in range(0, count, CHUNK):
        yield pyogrio.read_dataframe(path, layer=layer, skip_features=first, max_features=CHUNK)


def excluded_outlines(path: Path, reason: str) -> list[BaseGeometry]:
    """Read the outlines of the candidates that are excluded for a reason."""
    if not has_excluded(path):
        return []
    table = pyogrio.read_dataframe(path, layer=EXCLUDED_LAYER, columns=[REASON], where=f"{REASON} = '{reason}'")
    return list(table.geometry)


def has_excluded(path: Path) -> bool:
    """Return whether a GeoPackage has a layer of excluded candidates."""
    return EXCLUDED_LAYER in pyogrio.list_layers(path)[:, 0].tolist()


def read_largest(path: Path, number: int) -> gpd.GeoDataFrame:
    """Read the largest landslides of a map, largest first."""
    # Ids break ties, so that the same map gives the same table.
    query = f'SELECT * FROM "{LAYER}" ORDER BY area_m2 DESC, id LIMIT {number}'
    return pyogrio.read_dataframe(path, sql=query, sql_dialect="SQLITE")


def write_geoparquet(
    path: Path, geopackage: Path, layer: str = LAYER, columns: Mapping[str, str] | None = None
) -> None:
    """Write the rows of a layer of a GeoPackage as GeoParquet 1.1 (OGC 24-013), geometry as WKB.

    Args:
        path: of the file.
        geopackage: to read.
        layer: of the GeoPackage.
        columns: name and type of the attributes; those of a map where None.
    """
    info = pyogrio.read_info(geopackage, layer=layer, force_total_bounds=True)
    if columns is None:
        columns = COLUMNS | ({REASON: "str"} if layer == EXCLUDED_LAYER else {})
    geometry: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": ["MultiPolygon"],
        # null means an undefined CRS; leaving it out would mean longitude and latitude.
        "crs": CRS.from_user_input(info["crs"]).to_json_dict() if info["crs"] else None,
    }
    if info["features"]:
        geometry["bbox"] = [float(bound) for bound in info["total_bounds"]]
    metadata = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
    schema = Schema(
        [
            *(Field(name, _ARROW[kind], nullable=kind != "int64") for name, kind in columns.items()),
            Field("geometry", DataType.binary(), nullable=False),
        ]
    )
    batches = (_read_batch(geopackage, layer, first, columns, schema) for first in range(0, info["features"], CHUNK))
    write_parquet(
        RecordBatchReader.from_batches(schema, batches),
        path,
        compression="zstd(1)",
        key_value_metadata={"geo": json.dumps(metadata)},
    )


def _nan_to_none(value: object) -> object:
    """Return None for NaN: an empty number is read as NaN."""
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def _read_batch(path: Path, layer: str, first: int, kinds: Mapping[str, str], schema: Schema) -> RecordBatch:
    """Read rows of a layer from ``first`` on; the geometry stays WKB, since geometries would take more memory."""
    meta, _, geometry, fields = pyogrio.raw.read(path, layer=layer, skip_features=first, max_features=CHUNK)
    values = dict(zip(meta["fields"], fields, strict=True))
    columns = [
        Array([_nan_to_none(value) for value in values[name].tolist()], _ARROW[kind]) for name, kind in kinds.items()
    ]
    return RecordBatch.from_arrays([*columns, Array(geometry.tolist(), DataType.binary())], schema=schema)
