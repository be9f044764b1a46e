"""The files of a map, as described in the report and in the STAC item."""

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
