"""Export of a detector for other tools, read back and compared before the files get their names.

Most formats cannot hold the card: it is written beside them as JSON.
"""

import json
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
from landslip.detector.sealed_file import INPUT, OUTPUT
from landslip.errors import OutputError, RunError, SettingsError
from landslip.inference.export_metadata import deepness_metadata, model_item
from landslip.inference.synthetic_inputs import synthetic_images

Format = Literal["onnx", "openvino", "tensorrt", "deepness", "stac"]
MAX_DIFFERENCE: Final = 1e-4
"""Allowed difference in probability at any pixel between a detector and its export, both in float32."""
CARD_SUFFIX: Final = ".card.json"
ITEM_SUFFIX: Final = ".item.json"
_IMAGES: Final = 2


def export_detector(
    detector: Detector, file_format: Format, folder: str | Path, *, batch: int | None = None
) -> tuple[tuple[Path, ...], float]:
    """Export a detector into a folder: all files or none.

    Args:
        detector: the detector to export.
        file_format: ``onnx``: the graph without seal and card; ``openvino``: ``.xml`` and ``.bin`` in float32;
            ``tensorrt``: ONNX whose height and width are those of a tile; ``deepness``: the same with the metadata of
            that QGIS plugin; ``stac``: ONNX and a STAC item of the model.
        folder: created if it does not exist.
        batch: number of images per call, for the ONNX formats; any number where None.

    Returns:
        The files, the one to open first, and the largest difference in probability from the detector.

    Raises:
        OutputError: a file exists already, or the folder cannot be written.
        RunError: the exported files predict something else.
        SettingsError: the batch is not allowed.
    """
    if batch is not None and (batch < 1 or file_format == "openvino"):
        raise SettingsError(
            f"batch must be at least 1, and is for the ONNX formats only (OpenVINO sets it on loading), got {batch}",
            parameter="batch",
        )
    folder, name = Path(folder), detector.card.name
    first = f"{name}.xml" if file_format == "openvino" else f"{name}.onnx"
    second = {"openvino": (f"{name}.bin",), "stac": (f"{name}{ITEM_SUFFIX}",)}.get(file_format, ())
    names = (first, *second, f"{name}{CARD_SUFFIX}")
    existing = next((folder / one for one in names if (folder / one).exists()), None)
    if existing:
        raise OutputError(f"{existing} exists: move it, or give another folder", parameter="folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=folder) as part:
            written = Path(part) / first
            if file_format == "openvino":
                model = openvino.Core().read_model(detector.onnx_bytes, b"")
                openvino.save_model(model, written, compress_to_fp16=False)
            else:
                onnx.save_model(_plain_onnx(detector, file_format, batch), written)
            if file_format == "stac":
                item = json.dumps(model_item(detector, written), indent=1)
                (Path(part) / f"{name}{ITEM_SUFFIX}").write_text(item, encoding="utf-8")
            (Path(part) / names[-1]).write_text(detector.card.model_dump_json(indent=1), encoding="utf-8")
            difference = _difference(detector, written, batch or _IMAGES)
            # The file that is opened comes last: if it exists, the others do.
            for one in reversed(names):
                shutil.move(Path(part) / one, folder / one)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error.strerror or error}): give another folder", parameter="folder"
        ) from error
    return tuple(folder / one for one in names), difference


def trtexec_command(detector: Detector, file: str | Path, batch: int | None) -> str:
    """Return the command that builds a TensorRT engine of an exported file.

    Example:
        >>> trtexec_command(Detector.open("s2-rgb"), "s2-rgb.onnx", 16)
        'trtexec --onnx=s2-rgb.onnx --saveEngine=s2-rgb.plan --noTF32'
    """
    path, card = Path(file), detector.card
    command = f"trtexec --onnx={path} --saveEngine={path.with_suffix('.plan')} --noTF32"
    if batch is not None:
        return command
    shapes = (
        f"--{which}Shapes={INPUT}:{count}x{len(card.channels)}x{card.tile_px}x{card.tile_px}"
        for which, count in (("min", 1), ("opt", 16), ("max", 64))
    )
    return f"{command} {' '.join(shapes)}"


def _plain_onnx(detector: Detector, file_format: Format, batch: int | None) -> onnx.ModelProto:
    """Return the graph without seal and card, with the sizes and the metadata of a format."""
    model = onnx.load_model_from_string(detector.onnx_bytes)
    del model.metadata_props[:]
    side = detector.card.tile_px if file_format in ("tensorrt", "deepness") else None
    for value in (*model.graph.input, *model.graph.output):
        if value.name in (INPUT, OUTPUT):
            dimensions = value.type.tensor_type.shape.dim
            for place, size in ((0, batch), (2, side), (3, side)):
                if size is not None:
                    dimensions[place].dim_value = size
    if file_format == "deepness":
        onnx.helper.set_model_props(model, deepness_metadata(detector.card))
    return model


def _difference(detector: Detector, written: Path, images: int) -> float:
    """Compare an exported file with the detector.

    Raises:
        RunError: they differ by more than ``MAX_DIFFERENCE``.
    """
    size = detector.card.tile_px
    values = synthetic_images(detector.card.channels, images, size, size)
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
