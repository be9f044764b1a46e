"""The files of a map, as described in the report and in the STAC item."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class MapFile:
    """One file of a map."""

    name: str
    key: str
    """Key of the asset in the STAC item."""
    title: str
    text: str
    media_type: str
    roles: tuple[str, ...]


MAP_FILES: Final = (
    MapFile(
        "landslides.gpkg",
        "landslides",
        "Landslides",
        "Polygons with their attributes, layer 'landslides' (GeoPackage)",
        "application/geopackage+sqlite3",
        ("data",),
    ),
    MapFile(
        "landslides.parquet",
        "landslides-geoparquet",
        "Landslides (GeoParquet)",
        "The same polygons and attributes as GeoParquet",
        "application/vnd.apache.parquet",
        ("data",),
    ),
    MapFile(
        "probability.tif",
        "probability",
        "Landslide probability",
        "Probability in steps of 0.004, 255 is nodata (Cloud Optimized GeoTIFF)",
        "image/tiff; application=geotiff; profile=cloud-optimized",
        ("data",),
    ),
    MapFile(
        "masks.tif",
        "masks",
        "Masks",
        "Cloud, cloud shadow and snow (nodata), water and excluded areas, by code (Cloud Optimized GeoTIFF)",
        "image/tiff; application=geotiff; profile=cloud-optimized",
        ("data", "data-mask"),
    ),
    MapFile(
        "excluded.parquet",
        "excluded",
        "Excluded candidates (GeoParquet)",
        "Candidates that a mask rules out, with the reason; also layer 'excluded' of landslides.gpkg",
        "application/vnd.apache.parquet",
        ("data",),
    ),
    MapFile(
        "change.tif",
        "change",
        "Change",
        "Probability in the image after alone, index before and after, and evidence of change, each with its scale and "
        "source (Cloud Optimized GeoTIFF)",
        "image/tiff; application=geotiff; profile=cloud-optimized",
        ("data",),
    ),
    MapFile(
        "overview.png",
        "overview",
        "Map sheet",
        "The image with outlined landslides",
        "image/png",
        ("overview",),
    ),
    MapFile(
        "report.html",
        "report",
        "Report",
        "Key figures, largest landslides, settings",
        "text/html",
        ("metadata",),
    ),
    MapFile(
        "summary.json",
        "summary",
        "Summary",
        "Counts, areas, settings, versions, file hashes, warnings",
        "application/json",
        ("metadata",),
    ),
)
"""The files of a map, the most used first, without its STAC item."""
_OPTIONAL: Final = frozenset({"masks.tif", "excluded.parquet", "change.tif"})


def files_of(written: Collection[str]) -> tuple[MapFile, ...]:
    """Return the files of a map; those of masks and of change only if they were written.

    Args:
        written: names of files that the map has.
    """
    return tuple(file for file in MAP_FILES if file.name not in _OPTIONAL or file.name in written)
