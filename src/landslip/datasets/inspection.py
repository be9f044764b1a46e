"""Faults of a Landslide4Sense patch: each kind of finding by name, and whether it excludes the patch."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.hdf5 import FileFault, Hdf5Error, read_dataset
from landslip.datasets.l4s import L4sFiles
from landslip.datasets.l4s_values import (
    DIVISORS,
    IMAGE,
    L4S_CHANNELS,
    MASK,
    SIDE_PX,
    channel_names,
    fits,
    whole_numbers,
)
from landslip.datasets.patch_set import Split
from landslip.files.model import Frozen

Kind = (
    FileFault
    | Literal[
        "stray file",
        "numbers missing",
        "one number twice",
        "no mask",
        "mask without image",
        "not finite",
        "not DN / divisor",
        "out of range",
        "impossible slope",
        "mask values",
        "flat terrain",
        "leak",
        "duplicate",
    ]
)

MEANINGS: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        "stray file": "a file that does not belong in its folder; it is not read",
        "numbers missing": "images are missing between the first number and the last",
        "one number twice": "two files have one number, such as image_1.h5 and image_01.h5",
        "no mask": "an image without a mask, in a split that has masks",
        "mask without image": "a mask without an image",
        "unreadable": "no file, damaged, or cut short",
        "not HDF5": "another kind of file",
        "too large": "over 64 MiB; it is not opened",
        "key": "no dataset of the name img or mask",
        "link": "img or mask is a link, which could lead to any file; it is not followed",
        "shape": "other than 128 x 128 x 14, or 128 x 128 for a mask",
        "dtype": "other than float64, or uint8 for a mask",
        "storage": "values in other files, missing, or packed to unpack to more than they are",
        "filter": "packed with a filter other than gzip and shuffle; no plug-in is loaded",
        "not finite": "NaN or infinity",
        "not DN / divisor": "not whole DN, degrees or metres by the divisors: the values were rescaled",
        "out of range": "DN or degrees outside 0 to 65,535, or metres outside -1,000 to 64,535",
        "impossible slope": "a slope over 90 degrees",
        "mask values": "values other than 0 and 1 in a mask",
        "flat terrain": "one elevation and no slope anywhere: the patch has no terrain",
        "leak": "the same image in two splits",
        "duplicate": "the same image twice in one split",
    }
)
"""Every kind of finding and what it means."""

REFUSED: Final[frozenset[Kind]] = frozenset(
    {
        "one number twice",
        "unreadable",
        "not HDF5",
        "too large",
        "key",
        "link",
        "shape",
        "dtype",
        "storage",
        "filter",
        "not finite",
        "not DN / divisor",
        "out of range",
        "mask values",
    }
)
"""Findings that keep a patch from being used: what it holds is not what it should, or cannot be told."""


def shown(path: Path, folder: Path) -> str:
    """A file's path in the folder that was checked; what is no plain text in it, as escapes."""
    text = os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


class Finding(Frozen):
    """One thing that is wrong."""

    kind: Kind
    split: Split | None
    id: int | None
    """The patch, where the finding is about one."""
    file: str
    """Path in the folder that was checked."""
    text: str
    """The rest of a sentence that begins with the file's name."""

    @property
    def refused(self) -> bool:
        """Whether it keeps its patch from being used."""
        return self.kind in REFUSED


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
