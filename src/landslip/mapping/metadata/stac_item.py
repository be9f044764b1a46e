"""The STAC item of a map, ``item.json``: STAC 1.1 with the machine learning model (MLM) extension 1.4.

The MLM extension requires the model among the assets. A detector is not copied beside each map: its asset is a Named
Information URI with its hash (RFC 6920).
"""

import base64
import re
from datetime import UTC, datetime
from typing import Any, Final

import shapely
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from landslip.detector.card import Card
from landslip.detector.mlm_fields import MLM_SCHEMA, mlm_fields, stac_band
from landslip.figures.formatting import format_dates
from landslip.mapping.metadata.map_files import files_of
from landslip.mapping.metadata.summary import SceneRecord, Summary
from landslip.probability import NODATA, STEP

_EXTENSIONS: Final = (
    MLM_SCHEMA,
    "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
)
_SHA256_MULTIHASH: Final = "1220"
"""Multihash prefix of SHA-256 for the file extension: code (12) and length in bytes (20)."""
_EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)

Bbox = tuple[float, float, float, float]
Json = dict[str, Any]


def stac_item(summary: Summary, card: Card, bbox_lonlat: Bbox | None, footprint_lonlat: BaseGeometry | None) -> Json:
    """Describe a map as a STAC item.

    Args:
        summary: of the map.
        card: of the detector.
        bbox_lonlat: west, south, east, north in degrees; None without a CRS.
        footprint_lonlat: outline of the mapped area in longitude and latitude; None without a CRS.

    Returns:
        A JSON object; links are relative to the map's folder.
    """
    item: Json = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": list(_EXTENSIONS),
        "id": _identifier(summary),
        "geometry": None,
        "properties": _properties(summary, card),
        "links": [],
        "assets": _assets(summary, card),
    }
    if footprint_lonlat is not None and bbox_lonlat is not None:
        item["geometry"] = _as_lists(shapely.geometry.mapping(footprint_lonlat))
        item["bbox"] = [float(bound) for bound in bbox_lonlat]
    return item


def _properties(summary: Summary, card: Card) -> Json:
    title = f"Landslides of {summary.scene.name}, {format_dates(summary.scene.dates)}"
    return {
        "title": title,
        "description": "Landslide candidates detected by a model, not verified in the field. "
        + " ".join(f"{line.rstrip('.')}." for line in summary.attribution),
        **_times(summary),
        "created": format_time(summary.created),
        "license": "other",
        "gsd": sum(summary.scene.pixel_size_m) / 2,
        "bands": [stac_band(name) for name in card.channels],
        **_projection(summary.scene),
        **_model(summary, card),
        "processing:level": "L4",
        "processing:lineage": f"Detector {card.name} on {', '.join(card.channels)}; probability at least "
        f"{summary.threshold:g}, at least {summary.settings.min_area_m2:g} square metres",
        "processing:datetime": format_time(summary.created),
        "processing:software": dict(summary.versions) | {summary.engine: summary.engine_version},
        "landslip:landslides": summary.landslides,
        "landslip:landslide_area_m2": summary.landslide_area_m2,
        "landslip:valid_fraction": summary.valid_fraction,
        "landslip:valid_area_m2": summary.valid_area_m2,
        "landslip:threshold": summary.threshold,
        "landslip:detector": summary.detector,
        "landslip:detector_sha256": summary.detector_sha256,
        "landslip:masks": {record.name: record.pixels for record in summary.masks},
        "landslip:warnings": list(summary.warnings),
    }


def _times(summary: Summary) -> Json:
    """Acquisition date, of a composite with its first and last; if unknown, an interval until the map was made."""
    if summary.scene.date is not None:
        dates = sorted(format_time(image.date) for image in summary.scene.images if image.date is not None)
        interval = {"start_datetime": dates[0], "end_datetime": dates[-1]} if dates else {}
        return {"datetime": format_time(summary.scene.date), **interval}
    return {
        "datetime": None,
        "start_datetime": format_time(_EARLIEST),
        "end_datetime": format_time(summary.created),
    }


def format_time(moment: datetime) -> str:
    """Format a date and time as RFC 3339 in UTC; without a time zone it is taken as UTC."""
    known = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return known.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _projection(scene: SceneRecord) -> Json:
    """The grid of the map, in fields of the projection extension."""
    shape = {"proj:shape": [scene.height, scene.width], "proj:transform": list(scene.transform)}
    if scene.crs is None:
        return {"proj:code": None, **shape}
    crs = CRS.from_user_input(scene.crs)
    authority = crs.to_authority()
    if authority:
        return {"proj:code": ":".join(authority), **shape}
    return {"proj:code": None, "proj:wkt2": crs.to_wkt(), **shape}


def _model(summary: Summary, card: Card) -> Json:
    """The detector, in fields of the MLM extension."""
    settings = summary.settings
    return mlm_fields(
        card,
        settings.tile_px,
        {
            "threshold": summary.threshold,
            "overlap_px": settings.overlap_px,
            "min_area_m2": settings.min_area_m2,
        },
    )


def _assets(summary: Summary, card: Card) -> Json:
    assets: Json = {}
    for file in files_of(summary.files):
        asset: Json = {
            "href": f"./{file.name}",
            "title": file.title,
            "description": file.text,
            "type": file.media_type,
            "roles": list(file.roles),
        }
        if file.name in summary.files:
            asset["file:checksum"] = _SHA256_MULTIHASH + summary.files[file.name]
        if file.key == "probability":
            names = ["probability", *(["standard_deviation"] if summary.settings.uncertainty != "none" else [])]
            asset["bands"] = [
                {"name": name, "data_type": "uint8", "nodata": NODATA, "raster:scale": STEP} for name in names
            ]
        assets[file.key] = asset
    assets["detector"] = {
        "href": _named_information(summary.detector_sha256),
        "title": card.title,
        "description": f"Detector '{card.name}', identified by its hash (RFC 6920); the file is not beside the map",
        "type": "application/octet-stream; framework=onnx; profile=onnx",
        "roles": ["mlm:model", "mlm:weights"],
        "mlm:artifact_type": "onnx",
        "file:checksum": _SHA256_MULTIHASH + summary.detector_sha256,
        "bands": [stac_band(name) for name in card.channels],
    }
    return assets


def _named_information(sha256: str) -> str:
    """Return the Named Information URI of a hash: ``ni:///sha-256;`` and base64url (RFC 6920, section 3)."""
    return "ni:///sha-256;" + base64.urlsafe_b64encode(bytes.fromhex(sha256)).decode().rstrip("=")


def _identifier(summary: Summary) -> str:
    """Scene, detector and time, in letters, digits, dots, dashes and underscores, as STAC recommends."""
    scene = re.sub(r"[^A-Za-z0-9._-]+", "-", summary.scene.name).strip("-") or "scene"
    return f"{scene[:120]}_{summary.detector}_{summary.created.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _as_lists(value: Any) -> Any:
    """Replace tuples by lists, so that the item equals its JSON."""
    if isinstance(value, dict):
        return {key: _as_lists(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_as_lists(inner) for inner in value]
    return value
