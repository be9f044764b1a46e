"""The record of a detector's precisions, measured on held-out patches and written beside its file with int8.

``--precision auto`` reads it (``detector/precisions.py``). Made again, it replaces the record and the int8 file.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landslip.datasets.patch_set import PatchSet
from landslip.detector.detector import Detector
from landslip.detector.precisions import PrecisionParity, Precisions, int8_path, record_path
from landslip.errors import OutputError, RunError
from landslip.files.atomic import write_bytes, write_text
from landslip.files.progress import Progress, no_progress
from landslip.inference.cpu import cpu_name
from landslip.inference.openvino import supports_bfloat16
from landslip.post_training import quantisation
from landslip.post_training.precision_parity import NARROW_PX, Variant, compare_with_float32


@dataclass(frozen=True, slots=True)
class MeasuredPrecisions:
    """A record, and the int8 variant that it names."""

    record: Precisions
    int8: Detector | None


def measure_precisions(
    detector: Detector,
    patches: PatchSet[Any],
    data: str,
    held_out: PatchSet[Any],
    held_out_name: str,
    *,
    progress: Progress = no_progress,
) -> MeasuredPrecisions:
    """Quantise a detector and compare int8, and bfloat16 where this CPU has it, with float32 on held-out patches.

    A precision that does not agree with float32 is recorded with its figures, and ``auto`` does not choose it.

    Args:
        detector: in float32.
        patches: labelled, for the ranges of the activations.
        data: name of these patches.
        held_out: labelled; give patches that neither calibrate nor were used in training.
        held_out_name: their name.
        progress: told of images, layers and patches.

    Raises:
        DetectorError: the graph cannot be quantised.
        PatchesError: the patches do not allow the comparison.
    """
    int8: Detector | None = None
    failure: str | None = None
    parity: tuple[PrecisionParity, ...] = ()
    try:
        int8 = quantisation.quantise(
            detector, patches, data, held_out=held_out, held_out_name=held_out_name, progress=progress
        )
    except RunError as error:
        failure = str(error)
    else:
        found = int8.card.quantisation
        parity = tuple(
            PrecisionParity(
                engine=one.engine,
                precision="int8",
                f1_float32=one.f1_float32,
                f1=one.f1_int8,
                narrow_f1_float32=one.narrow_f1_float32,
                narrow_f1=one.narrow_f1_int8,
                mean_difference=one.mean_difference,
            )
            for one in (found.parity if found else ())
        )
    if supports_bfloat16():
        parity += compare_with_float32(detector, [Variant("openvino", "bfloat16", detector)], held_out, progress).parity
    record = Precisions(
        graph_sha256=detector.card.graph_sha256,
        threshold=detector.card.threshold,
        calibrated_on=data,
        held_out=held_out_name,
        patches=len(held_out),
        cpu=cpu_name(),
        narrow_px=NARROW_PX,
        max_f1_difference=quantisation.MAX_F1_DIFFERENCE,
        parity=parity,
        int8_sha256=int8.sha256 if int8 else None,
        int8_failure=failure,
    )
    return MeasuredPrecisions(record, int8)


def write_precisions(measured: MeasuredPrecisions, detector_file: Path) -> tuple[Path, ...]:
    """Write a record, and the int8 variant if there is one, beside the file of a detector; older ones are replaced.

    Returns:
        The files written.

    Raises:
        OutputError: a file cannot be written.
    """
    record, int8 = record_path(detector_file), int8_path(detector_file)
    if measured.int8 is not None:
        write_bytes(int8, measured.int8.onnx_bytes)
    write_text(record, measured.record.model_dump_json(indent=1) + "\n")
    if measured.int8 is not None:
        return int8, record
    try:
        int8.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{int8}, which is out of date, cannot be removed ({error.strerror}): remove it") from error
    return (record,)
