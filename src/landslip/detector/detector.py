"""Detector: a trained segmentation model with everything needed to apply it, in one sealed ONNX file."""

import contextlib
import hashlib
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Final

import onnx

from landslip.detector.card import Card
from landslip.detector.precisions import INT8_SUFFIX, Precisions, int8_path, read_precisions
from landslip.detector.sealed_file import check_file, seal_model
from landslip.errors import DetectorError
from landslip.files.atomic import write_bytes

DEFAULT: Final = "s2-rgb-ensemble"
"""The packaged detector that is opened by default."""


@dataclass(frozen=True, slots=True, repr=False)
class Detector:
    """A detector whose file was checked: the card, the ONNX file as bytes, and the sha256 of that file."""

    card: Card
    onnx_bytes: bytes
    sha256: str
    precisions: Precisions | None = None
    """The record beside the file, if there is one."""
    int8_file: Path | None = None
    """The int8 variant that the record names."""

    @classmethod
    def open(cls, name_or_path: str | Path | None = None) -> "Detector":
        """Open a detector.

        Args:
            name_or_path: name of a packaged detector, or path of an ``.onnx`` file; the default detector where None.

        Raises:
            DetectorError: there is no such detector, or the file is damaged or not a detector.

        Example:
            >>> Detector.open("s2-rgb")
            Detector('s2-rgb', unet/efficientnet_lite2, channels B04 B03 B02, 11.9 MB)
        """
        path = find(DEFAULT if name_or_path is None else name_or_path)
        try:
            opened = cls.from_bytes(path.read_bytes(), path.name)
        except OSError as error:
            raise DetectorError(f"{path} cannot be read ({error.strerror}): give a readable .onnx file") from error
        record = read_precisions(path, opened.card)
        if record is None:
            return opened
        return replace(opened, precisions=record, int8_file=int8_path(path) if record.int8_sha256 else None)

    @classmethod
    def from_bytes(cls, raw: bytes, name: str = "the file") -> "Detector":
        """Check the bytes of a detector file.

        Args:
            raw: the whole file.
            name: of the file, for error messages.

        Raises:
            DetectorError: the file is damaged, not a detector, or does not match its card.
        """
        return cls(check_file(raw, name), raw, hashlib.sha256(raw).hexdigest())

    def open_int8(self) -> "Detector":
        """Open the int8 variant beside the file.

        Raises:
            DetectorError: there is none, or it is not the one that the record names.

        Example:
            >>> Detector.open("s2-rgb").open_int8().card.quantisation.layers > 40
            True
        """
        if self.int8_file is None or self.precisions is None:
            raise DetectorError(f"{self.card.name} has no int8 variant: make one with landslip detector quantise")
        path = self.int8_file
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise DetectorError(
                f"{path}, which belongs to {self.card.name}, cannot be read ({error.strerror}): put it back, or use "
                "precision float32",
                parameter="precision",
            ) from error
        if hashlib.sha256(raw).hexdigest() != self.precisions.int8_sha256:
            raise DetectorError(
                f"{path} is not the int8 variant of {self.card.name}: put the right file back, or use precision "
                "float32",
                parameter="precision",
            )
        return Detector.from_bytes(raw, path.name)

    def sha256_in(self, precision: str) -> str:
        """Return the sha256 of the file that runs in a precision."""
        record = self.precisions
        return record.int8_sha256 if precision == "int8" and record and record.int8_sha256 else self.sha256

    @property
    def size_mb(self) -> float:
        """Size of the file in megabytes (10^6 bytes)."""
        return len(self.onnx_bytes) / 1e6

    def save(self, path: str | Path) -> None:
        """Write the file atomically.

        Raises:
            OutputError: the file cannot be written.
        """
        write_bytes(path, self.onnx_bytes)

    def __repr__(self) -> str:
        names = self.card.channels
        channels = f"channels {' '.join(names)}" if len(names) <= 4 else f"{len(names)} channels"
        return f"Detector({self.card.name!r}, {self.card.architecture}, {channels}, {self.size_mb:.1f} MB)"


def packaged() -> dict[str, Path]:
    """Return the files of the packaged detectors by name.

    Example:
        >>> DEFAULT in packaged()
        True
    """
    folder = Path(str(resources.files("landslip") / "detector" / "packaged"))
    found = [path for path in folder.glob("*.onnx") if not path.name.endswith(INT8_SUFFIX)]
    return {path.stem: path for path in sorted(found, key=lambda path: path.stem)}


def find(name_or_path: str | Path) -> Path:
    """Return the file of a detector.

    Raises:
        DetectorError: there is no packaged detector of this name, and no file at this path.
    """
    known = packaged()
    if str(name_or_path) in known:
        return known[str(name_or_path)]
    path = Path(name_or_path)
    # A name too long for the file system is an OSError.
    with contextlib.suppress(OSError):
        if path.is_file():
            return path
    raise DetectorError(
        f"no detector '{name_or_path}': give {', '.join(known) or 'a packaged name'} or the path of an .onnx file",
        parameter="detector",
    )


def seal(model: onnx.ModelProto, card: Card) -> Detector:
    """Make a detector from an ONNX model and a card.

    Args:
        model: with one input ``input`` (N, C, H, W) in physical units and one output ``probability`` (N, 1, H, W), both
            float32; it is not changed.
        card: its ``graph_sha256`` is replaced by that of the model.

    Raises:
        DetectorError: the graph is not allowed in a detector.
    """
    return Detector.from_bytes(seal_model(model, card), card.name)
