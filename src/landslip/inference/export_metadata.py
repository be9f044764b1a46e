"""Metadata of exported detectors for other tools: the QGIS plugin Deepness, and a STAC item of the model.

Deepness (https://github.com/PUTvision/qgis-plugin-deepness) reads metadata entries of an ONNX file as JSON. It divides
every pixel by 255, whatever its type, and then subtracts a mean and divides by a standard deviation: a standard
deviation of 1/255 gives the graph the values of the raster.
"""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from landslip.detector.card import Card
from landslip.detector.detector import Detector
from landslip.detector.mlm_fields import MLM_SCHEMA, mlm_fields, stac_band
from landslip.detector.sealed_file import INPUT

_CM_PER_M: Final = 100
_DEEPNESS_DIVISOR: Final = 255
_SHA256_MULTIHASH: Final = "1220"
"""Multihash prefix of SHA-256 for the file extension: code (12) and length in bytes (20)."""
_MIN_SEGMENT_PX: Final = 2
_EO_SCHEMA: Final = "https://stac-extensions.github.io/eo/v2.0.0/schema.json"
_FILE_SCHEMA: Final = "https://stac-extensions.github.io/file/v2.1.0/schema.json"


def deepness_metadata(card: Card) -> dict[str, str]:
    """Return the metadata entries of a segmentation model for Deepness, values as JSON.

    Resolution is in centimetres per pixel; the overlap of tiles is in per cent.

    Example:
        >>> deepness_metadata(Detector.open("s2-rgb").card)["resolution"]
        '1000'
    """
    values: dict[str, object] = {
        "model_type": "Segmentor",
        "class_names": {"0": "background", "1": "landslide"},
        "resolution": round(card.pixel_size_m * _CM_PER_M),
        "tile_size": card.tile_px,
        "tiles_overlap": round(100 * card.overlap_px / card.tile_px),
        "seg_thresh": card.threshold,
        "seg_small_segment": _MIN_SEGMENT_PX,
        "standardization_mean": [0.0] * len(card.channels),
        "standardization_std": [1 / _DEEPNESS_DIVISOR] * len(card.channels),
    }
    return {key: json.dumps(value) for key, value in values.items()}


def model_item(detector: Detector, file: Path) -> dict[str, Any]:
    """Describe an exported ONNX file as a STAC item with the MLM extension.

    The item has no geometry: where a detector works is not known, and where it was trained is text on its card.

    Args:
        detector: that was exported.
        file: the ONNX file, which lies beside the item.

    Returns:
        A JSON object.
    """
    card, raw = detector.card, file.read_bytes()
    created = datetime(card.created.year, card.created.month, card.created.day, tzinfo=UTC)
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [MLM_SCHEMA, _EO_SCHEMA, _FILE_SCHEMA],
        "id": f"landslip-{card.name}",
        "geometry": None,
        "properties": {
            "title": card.title,
            "description": f"{card.trained_on} Not good for: {' '.join(card.not_good_for)}",
            "datetime": created.isoformat().replace("+00:00", "Z"),
            "license": "other",
            "gsd": card.pixel_size_m,
            "bands": [stac_band(name) for name in card.channels],
            **mlm_fields(card, card.tile_px, {"threshold": card.threshold, "overlap_px": card.overlap_px}),
            "mlm:pretrained": True,
            "landslip:licence": card.licence,
            "landslip:attribution": list(card.attribution),
            "landslip:graph_sha256": card.graph_sha256,
        },
        "links": [],
        "assets": {
            "model": {
                "href": f"./{file.name}",
                "title": f"Detector {card.name}, ONNX; input '{INPUT}' in physical units",
                "type": "application/octet-stream; framework=onnx",
                "roles": ["mlm:model"],
                "mlm:artifact_type": "onnx",
                "file:size": len(raw),
                "file:checksum": _SHA256_MULTIHASH + hashlib.sha256(raw).hexdigest(),
            }
        },
    }
