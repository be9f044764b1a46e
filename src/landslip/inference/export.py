"""Export of a detector as plain ONNX or OpenVINO IR, read back and compared before the files get their names.

These formats cannot hold the card: it is written beside them as JSON.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Final, Literal

import numpy as np
import onnx
import openvino
from numpy.typing import NDArray
from openvino import properties

from landslip.detector.detector import Detector
from landslip.detector.sealed_file import INPUT
from landslip.errors import OutputError, RunError
from landslip.inference.synthetic_inputs import synthetic_images

Format = Literal["onnx", "openvino"]
MAX_DIFFERENCE: Final = 1e-4
"""Allowed difference in probability at any pixel between a detector and its export, both in float32."""
CARD_SUFFIX: Final = ".card.json"
_IMAGES: Final = 2


def export_detector(detector: Detector, file_format: Format, folder: str | Path) -> tuple[tuple[Path, ...], float]:
    """Export a detector into a folder: all files or none.

    Args:
        detector: the detector to export.
        file_format: ``onnx``: the graph without seal and card; ``openvino``: ``.xml`` and ``.bin`` in float32.
        folder: created if it does not exist.

    Returns:
        The files, the one to open first, and the largest difference in probability from the detector.

    Raises:
        OutputError: a file exists already, or the folder cannot be written.
        RunError: the exported files predict something else.
    """
    folder, name = Path(folder), detector.card.name
    first = f"{name}.onnx" if file_format == "onnx" else f"{name}.xml"
    names = (first, *((f"{name}.bin",) if file_format == "openvino" else ()), f"{name}{CARD_SUFFIX}")
    existing = next((folder / one for one in names if (folder / one).exists()), None)
    if existing:
        raise OutputError(f"{existing} exists: move it, or give another folder", parameter="folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=folder) as part:
            written = Path(part) / first
            if file_format == "onnx":
                onnx.save_model(_without_metadata(detector), written)
            else:
                model = openvino.Core().read_model(detector.onnx_bytes, b"")
                openvino.save_model(model, written, compress_to_fp16=False)
            (Path(part) / names[-1]).write_text(detector.card.model_dump_json(indent=1), encoding="utf-8")
            difference = _difference(detector, written)
            # The file that is opened comes last: if it exists, the others do.
            for one in reversed(names):
                shutil.move(Path(part) / one, folder / one)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error.strerror or error}): give another folder", parameter="folder"
        ) from error
    return tuple(folder / one for one in names), difference


def _without_metadata(detector: Detector) -> onnx.ModelProto:
    model = onnx.load_model_from_string(detector.onnx_bytes)
    del model.metadata_props[:]
    return model


def _difference(detector: Detector, written: Path) -> float:
    """Compare an exported file with the detector.

    Raises:
        RunError: they differ by more than ``MAX_DIFFERENCE``.
    """
    size = detector.card.tile_px
    values = synthetic_images(detector.card.channels, _IMAGES, size, size)
    # Both run in the same way, so that a quantised detector rounds in the same way.
    difference = float(np.abs(_run(written, values) - _run(detector.onnx_bytes, values)).max())
    if not difference <= MAX_DIFFERENCE:
        raise RunError(
            f"the export {written.name} differs from {detector.card.name} by {difference:.2g} in probability, more "
            f"than the allowed {MAX_DIFFERENCE:g}: it was removed"
        )
    return difference


def _run(source: Path | bytes, values: NDArray[np.float32]) -> NDArray[np.float32]:
    core = openvino.Core()
    model = core.read_model(source, b"") if isinstance(source, bytes) else core.read_model(source)
    model.reshape({INPUT: list(values.shape)})
    compiled = core.compile_model(model, "CPU", {properties.hint.inference_precision: "f32"})
    probability: NDArray[np.float32] = compiled(values)[0][:, 0].copy()
    return probability
