"""A detector in fields of STAC's machine learning model (MLM) extension, version 1.4."""

from collections.abc import Mapping
from typing import Any, Final

from landslip.channels import DETECTOR_INPUTS
from landslip.detector.card import Card
from landslip.detector.sealed_file import INPUT, OUTPUT

MLM_SCHEMA: Final = "https://stac-extensions.github.io/mlm/v1.4.0/schema.json"
_ORDER: Final = ("batch", "channel", "height", "width")
_TASK: Final = "semantic-segmentation"


def mlm_fields(card: Card, tile_px: int, hyperparameters: Mapping[str, object]) -> dict[str, Any]:
    """Describe a detector in fields of the MLM extension.

    Args:
        card: of the detector.
        tile_px: side of its tiles.
        hyperparameters: settings under which it runs.

    Example:
        >>> from landslip.detector.detector import Detector
        >>> mlm_fields(Detector.open("s2-rgb").card, 128, {})["mlm:input"][0]["input"]["shape"]
        [-1, 3, 128, 128]
    """
    return {
        # The extension requires a letter first and a letter or digit last.
        "mlm:name": f"landslip {card.name}".rstrip("._-"),
        "mlm:architecture": card.architecture,
        "mlm:framework": "ONNX",
        "mlm:tasks": [_TASK],
        "mlm:input": [
            {
                "name": INPUT,
                "description": f"DN, degrees or metres; normalised inside the graph: {card.normalisation.description}",
                "bands": list(card.channels),
                "input": {
                    "shape": [-1, len(card.channels), tile_px, tile_px],
                    "dim_order": list(_ORDER),
                    "data_type": "float32",
                },
                "resize_type": None,
            }
        ],
        "mlm:output": [
            {
                "name": OUTPUT,
                "description": "Probability that a pixel is landslide",
                "tasks": [_TASK],
                "result": {"shape": [-1, 1, tile_px, tile_px], "dim_order": list(_ORDER), "data_type": "float32"},
                "classification:classes": [],
            }
        ],
        "mlm:hyperparameters": dict(hyperparameters),
    }


def stac_band(name: str) -> dict[str, Any]:
    """Describe a channel as a STAC 1.1 band.

    Example:
        >>> stac_band("slope")["unit"]
        'deg'
    """
    channel = DETECTOR_INPUTS[name]
    band: dict[str, Any] = {"name": name, "description": channel.title}
    if channel.unit != "DN":
        band["unit"] = channel.unit
    if channel.common_name:
        band["eo:common_name"] = channel.common_name
    if channel.wavelength_nm is not None:
        # STAC gives wavelengths in micrometres.
        band["eo:center_wavelength"] = round(channel.wavelength_nm / 1000, 6)
    return band
