"""Looks at one patch of Landslide4Sense: what its files hold, and what is wrong with that."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.check.findings import Finding, Kind, shown
from landslip.datasets.hdf5 import Hdf5Error, read_dataset
from landslip.datasets.l4s_channels import DIVISORS, L4S_CHANNELS, SIDE_PX
from landslip.datasets.l4s_files import L4sFiles
from landslip.datasets.l4s_values import IMAGE, MASK, channel_names, whole_numbers
from landslip.datasets.uint16 import fits

_SLOPE: Final = L4S_CHANNELS.index("slope")
_ELEVATION: Final = L4S_CHANNELS.index("elevation")
_STEEPEST_DEG: Final = 90


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """What one patch holds."""

    files: L4sFiles
    whole: NDArray[np.float32] | None
    """(14, 128, 128) in whole DN, degrees and metres; None where they cannot be had without rounding."""
    mask: NDArray[np.uint8] | None
    """(128, 128) of 0 and 1; None where there is none, or none that can be used."""
    digest: bytes
    """Equal for equal images; empty where the image cannot be read."""
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> bool:
        """Whether the patch cannot be used."""
        return any(finding.refused for finding in self.findings)


def inspect_patch(files: L4sFiles, folder: Path) -> Inspection:
    """Read the files of a patch and look for everything that can be wrong with one patch alone."""
    findings: list[Finding] = []

    def note(kind: Kind, path: Path, text: str) -> None:
        findings.append(Finding(kind=kind, split=files.split, id=files.id, file=shown(path, folder), text=text))

    whole, digest = None, b""
    try:
        values = read_dataset(files.image, IMAGE)
    except Hdf5Error as error:
        note(error.kind, files.image, error.text)
    else:
        digest = hashlib.blake2b(values.data, digest_size=16).digest()
        whole = np.empty((len(L4S_CHANNELS), SIDE_PX, SIDE_PX), np.float32)
        exact = whole_numbers(values, whole)
        for kind, text in _faults(values, whole, exact):
            note(kind, files.image, text)
        if any(finding.refused for finding in findings):
            whole = None
    mask = None
    if files.mask is not None:
        try:
            mask = read_dataset(files.mask, MASK)
        except Hdf5Error as error:
            note(error.kind, files.mask, error.text)
        else:
            if mask.max() > 1:
                others = ", ".join(str(value) for value in np.unique(mask[mask > 1])[:5])
                note("mask values", files.mask, f"holds {others}: a mask is 1 (landslide) or 0 (not landslide)")
                mask = None
    return Inspection(files, whole, mask, digest, tuple(findings))


def _faults(
    values: NDArray[np.float64], whole: NDArray[np.float32], exact: NDArray[np.bool_]
) -> list[tuple[Kind, str]]:
    """What is wrong with the values (128, 128, 14) of an image; whole is (14, 128, 128)."""
    finite = np.isfinite(values)
    if not finite.all():
        names = channel_names(np.logical_not(finite.all(axis=(0, 1))))
        return [("not finite", f"holds {int((~finite).sum()):,} values that are NaN or infinite, in {names}")]
    if not exact.all():
        with np.errstate(invalid="ignore", over="ignore"):
            off = np.abs(values * DIVISORS - np.moveaxis(whole, 0, -1)).max(axis=(0, 1))
        text = f"is not DN / divisor in {channel_names(~exact)}: up to {off[~exact].max():.2g} from a whole number"
        return [("not DN / divisor", f"{text}; it was rescaled, take the original file")]
    faults: list[tuple[Kind, str]] = []
    inside = fits(whole)
    if not inside.all():
        low, high = (extreme(whole[~inside]) for extreme in (np.min, np.max))
        faults.append(
            ("out of range", f"holds {low:.6g} to {high:.6g} in {channel_names(~inside)}, which 16 bits do not hold")
        )
    slope, elevation = whole[_SLOPE], whole[_ELEVATION]
    if slope.max() > _STEEPEST_DEG:
        faults.append(("impossible slope", f"holds a slope of {slope.max():.6g} degrees"))
    if not slope.any() and elevation.min() == elevation.max():
        faults.append(("flat terrain", f"has no terrain: {elevation.min():,.0f} m and slope 0 everywhere"))
    return faults
