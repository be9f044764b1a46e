"""What each file of a map is: told to people in the report, and to programs in the STAC item."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class MapFile:
    """One file of a map."""

    name: str
    key: str
    """Name of the asset in the STAC item."""
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
        "Landslides for analysis",
        "The same polygons and attributes (GeoParquet)",
        "application/vnd.apache.parquet",
        ("data",),
    ),
    MapFile(
        "probability.tif",
        "probability",
        "Landslide probability",
        "Probability in steps of 0.004; 255 stands for not observed (Cloud Optimized GeoTIFF)",
        "image/tiff; application=geotiff; profile=cloud-optimized",
        ("data",),
    ),
    MapFile(
        "overview.png",
        "overview",
        "Map sheet",
        "The image with the landslides outlined",
        "image/png",
        ("overview",),
    ),
    MapFile(
        "report.html",
        "report",
        "Report",
        "Figures, the largest landslides, how the map was made",
        "text/html",
        ("metadata",),
    ),
    MapFile(
        "summary.json",
        "summary",
        "Summary",
        "The record of the map: counts, areas, settings, versions, hashes, warnings",
        "application/json",
        ("metadata",),
    ),
)
"""The files of a map, the most used first; its STAC item, ``item.json``, lists them."""
