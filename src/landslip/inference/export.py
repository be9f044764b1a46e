"""A detector in the forms that other tools want: plain ONNX, OpenVINO's IR; read back and compared before it is named.

The card does not fit into these forms: it goes beside them as JSON, so that licence and limits travel along.
"""

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
from landslip.files.atomic import atomic_folder
from landslip.inference.engine import open_engine
from landslip.inference.synthetic_inputs import synthetic_images

Form = Literal["onnx", "openvino"]
LARGEST_DIFFERENCE: Final = 1e-4
"""In probability at any pixel, between a detector and what was written, both in float32."""
CARD_SUFFIX: Final = ".card.json"
_IMAGES: Final = 2


def write_form(detector: Detector, form: Form, folder: Path) -> tuple[tuple[Path, ...], float]:
    """Write a detector in another form into a folder, all files or none.

    Args:
        detector: what to write.
        form: ``onnx``: the graph without landslip's seal and card; ``openvino``: ``.xml`` and ``.bin`` in float32.
        folder: where to; made if need be.

    Returns:
        The files, the one to open first, and the largest difference in probability from the detector.

    Raises:
        OutputError: a file is there already, or the folder cannot be written.
        RunError: what was written answers differently.
    """
    name = detector.card.name
    first = f"{name}.onnx" if form == "onnx" else f"{name}.xml"
    names = (first, *((f"{name}.bin",) if form == "openvino" else ()), f"{name}{CARD_SUFFIX}")
    there = [folder / one for one in names if (folder / one).exists()]
    if there:
        raise OutputError(f"{there[0]} is there already: move it away, or give another folder with -o")
    with atomic_folder(folder, overwrite=True, last=first) as temporary:
        written = temporary / first
        if form == "onnx":
            onnx.save_model(_plain(detector), written)
        else:
            model = openvino.Core().read_model(detector.onnx_bytes, b"")
            openvino.save_model(model, written, compress_to_fp16=False)
        (temporary / names[-1]).write_text(detector.card.model_dump_json(indent=1), encoding="utf-8")
        difference = _difference(detector, written)
    return tuple(folder / one for one in names), difference


def _plain(detector: Detector) -> onnx.ModelProto:
    model = onnx.load_model_from_string(detector.onnx_bytes)
    del model.metadata_props[:]
    return model


def _difference(detector: Detector, written: Path) -> float:
    """Run the detector and what was written side by side.

    Raises:
        RunError: they differ by more than is allowed.
    """
    size = detector.card.tile_px
    values = synthetic_images(detector.card.channels, _IMAGES, size, size)
    difference = float(np.abs(_run(written, values) - open_engine(detector, height=size, width=size)(values)).max())
    if not difference <= LARGEST_DIFFERENCE:
        raise RunError(
            f"{written.name} as written differs from {detector.card.name} by {difference:.2g} in probability, "
            f"{LARGEST_DIFFERENCE:g} is allowed: it was removed"
        )
    return difference


def _run(written: Path, values: NDArray[np.float32]) -> NDArray[np.float32]:
    core = openvino.Core()
    model = core.read_model(written)
    model.reshape({INPUT: list(values.shape)})
    compiled = core.compile_model(model, "CPU", {properties.hint.inference_precision: "f32"})
    answer: NDArray[np.float32] = compiled(values)[0][:, 0].copy()
    return answer
