"""The STAC collection of a merged inventory: a static collection (STAC 1.1) whose items are those of the maps."""

import os
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from landslip.grid.map_grid import Bbox, footprint_lonlat
from landslip.mapping.merging.sources import MapSource
from landslip.mapping.metadata.map_files import MAP_FILES
from landslip.mapping.metadata.stac_item import format_time
from landslip.mapping.products import GEOPACKAGE, GEOPARQUET, ITEM

COLLECTION: Final = "collection.json"


def stac_collection(
    sources: Sequence[MapSource], out: Path, created: datetime, landslides: int, attribution: Iterable[str]
) -> dict[str, Any]:
    """Describe a merged inventory as a STAC collection.

    Args:
        sources: the maps.
        out: folder of the collection, to which links are relative.
        created: when it was made.
        landslides: number of landslides.
        attribution: of data and detectors.

    Returns:
        A JSON object.
    """
    boxes = [bbox for bbox in (footprint_lonlat(source.grid)[0] for source in sources) if bbox]
    dates = sorted(format_time(source.summary.scene.date) for source in sources if source.summary.scene.date)
    items = [source.folder / ITEM for source in sources]
    title = f"Landslides of {len(sources)} maps"
    return {
        "type": "Collection",
        "stac_version": "1.1.0",
        "id": re.sub(r"[^A-Za-z0-9._-]+", "-", out.resolve().name).strip("-") or "landslides",
        "title": title,
        "description": "Landslide candidates detected by a model, not verified in the field. "
        + " ".join(f"{line.rstrip('.')}." for line in attribution),
        "license": "other",
        "keywords": ["landslide", "inventory", "machine learning"],
        "extent": {
            "spatial": {"bbox": [list(_bounds(boxes))]},
            "temporal": {"interval": [[dates[0], dates[-1]] if dates else [None, format_time(created)]]},
        },
        "summaries": {
            "landslip:detector": sorted({source.summary.detector for source in sources}),
            "landslip:landslides": {"minimum": landslides, "maximum": landslides},
        },
        "links": [
            {"rel": "item", "href": _relative(path, out), "type": "application/geo+json"}
            for path in items
            if path.is_file()
        ],
        "assets": {
            file.key: {
                "href": f"./{file.name}",
                "title": file.title,
                "description": f"{title}; duplicates are merged",
                "type": file.media_type,
                "roles": list(file.roles),
            }
            for file in MAP_FILES
            if file.name in (GEOPACKAGE, GEOPARQUET)
        },
    }


def _relative(path: Path, folder: Path) -> str:
    """Return the path from a folder to a file, with forward slashes; on another drive of Windows the absolute URI."""
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:
        return path.resolve().as_uri()


def _bounds(boxes: Sequence[Bbox]) -> Bbox:
    """Return the bounding box of boxes; all longitudes where one crosses the antimeridian."""
    south, north = min(box[1] for box in boxes), max(box[3] for box in boxes)
    if any(box[0] > box[2] for box in boxes):
        return -180.0, south, 180.0, north
    return min(box[0] for box in boxes), south, max(box[2] for box in boxes), north
