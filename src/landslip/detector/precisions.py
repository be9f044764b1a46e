"""Record of the precisions in which a detector was compared with float32, and the int8 variant beside its file.

Beside ``NAME.onnx`` lie ``NAME.precision.json`` with the figures and, if int8 agreed with float32, ``NAME.int8.onnx``.
The record names graph, threshold and int8 file by value, so that it cannot be used for another detector.
"""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from landslip.detector.card import Card, Fraction, Sha256, Text
from landslip.errors import DetectorError
from landslip.files.model import FrozenRecord

RECORD_SUFFIX: Final = ".precision.json"
INT8_SUFFIX: Final = ".int8.onnx"
_ROUNDING: Final = 1e-9


class PrecisionParity(FrozenRecord):
    """Accuracy of a detector on an engine in one precision beside that in float32, on the same held-out patches."""

    engine: Text
    precision: Literal["bfloat16", "int8"]
    f1_float32: Fraction
    f1: Fraction
    narrow_f1_float32: Fraction
    """F1 of landslides less than ``Precisions.narrow_px`` wide."""
    narrow_f1: Fraction
    mean_difference: Fraction
    """Mean absolute difference in probability from float32."""

    def holds(self, allowed: float) -> bool:
        """Return whether both F1 differ by at most ``allowed`` from those in float32."""
        differences = (self.f1 - self.f1_float32, self.narrow_f1 - self.narrow_f1_float32)
        return all(abs(one) <= allowed + _ROUNDING for one in differences)


class Precisions(FrozenRecord):
    """The precisions that ``auto`` may choose for a detector (``post_training/precision_record.py`` makes it)."""

    format: Literal["landslip precisions"] = "landslip precisions"
    version: Literal[1] = 1
    graph_sha256: Sha256
    """Of the detector in float32."""
    threshold: Fraction
    """At which F1 was compared."""
    calibrated_on: Text
    """Patches from which the ranges of the activations of int8 were taken."""
    held_out: Text
    """Patches on which F1 was compared."""
    patches: Annotated[int, Field(ge=1)]
    """Number of held-out patches."""
    cpu: Text
    narrow_px: Annotated[int, Field(ge=1)]
    max_f1_difference: Fraction
    parity: tuple[PrecisionParity, ...] = ()
    int8_sha256: Sha256 | None = None
    """Of the int8 file; None where int8 did not agree with float32."""
    int8_failure: Text | None = None
    """Why there is no int8 file."""

    def allows(self, engine: str, precision: str) -> bool:
        """Return whether a precision was measured on an engine and agrees with float32.

        Example:
            >>> from landslip.detector.detector import Detector
            >>> Detector.open("s2-rgb").precisions.allows("openvino", "int8")
            True
        """
        if precision == "int8" and self.int8_sha256 is None:
            return False
        found = [one for one in self.parity if (one.engine, one.precision) == (engine, precision)]
        return bool(found) and all(one.holds(self.max_f1_difference) for one in found)


def record_path(detector: Path) -> Path:
    """Return the path of the record beside the file of a detector.

    Example:
        >>> record_path(Path("mine.onnx")).name
        'mine.precision.json'
    """
    return detector.with_name(detector.stem + RECORD_SUFFIX)


def int8_path(detector: Path) -> Path:
    """Return the path of the int8 variant beside the file of a detector."""
    return detector.with_name(detector.stem + INT8_SUFFIX)


def read_precisions(detector: Path, card: Card) -> Precisions | None:
    """Read the record beside the file of a detector; None where there is none.

    Raises:
        DetectorError: the record is damaged, or belongs to another detector.
    """
    path = record_path(detector)
    remedy = f"make it again with  landslip detector quantise {detector.name} --data DATA --beside,  or remove it"
    try:
        record = Precisions.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise DetectorError(f"{path} cannot be read: {remedy}") from error
    if (record.graph_sha256, record.threshold) != (card.graph_sha256, card.threshold):
        raise DetectorError(f"{path} belongs to another detector than {detector.name}: {remedy}")
    return record
