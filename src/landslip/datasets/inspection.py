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
    fits_16_bits,
    to_integers,
)
from landslip.datasets.patch_set import Split
from landslip.files.model import Frozen

Kind = (
    FileFault
    | Literal[
        "stray file",
        "missing numbers",
        "same number",
        "no mask",
        "mask without image",
        "not finite",
        "not DN / divisor",
        "out of range",
        "impossible slope",
        "mask values",
        "not RGB",
        "mask size",
        "patch size",
        "flat terrain",
        "leak",
        "duplicate",
        "same mask",
        "mostly landslide",
    ]
)

MEANINGS: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        "stray file": "a file that does not belong in its folder and is not read",
        "missing numbers": "images are missing between the first and the last number",
        "same number": "two files have the same number, such as image_1.h5 and image_01.h5",
        "no mask": "an image without a mask, in a split that has masks",
        "mask without image": "a mask without an image",
        "unreadable": "not a file, damaged, or truncated",
        "not HDF5": "another file format",
        "too large": "over 64 MiB; the file is not opened",
        "key": "the dataset img or mask is missing",
        "link": "img or mask is a link, which could point to any file and is not followed",
        "shape": "not 128 x 128 x 14, or 128 x 128 for a mask",
        "dtype": "not float64, or uint8 for a mask",
        "storage": "values are in other files, missing, or decompress to more bytes than declared",
        "filter": "compressed with a filter other than gzip and shuffle; plug-ins are not loaded",
        "not finite": "NaN or infinity",
        "not DN / divisor": "value x divisor is not an integer DN, degree or metre: the values were rescaled",
        "out of range": "DN or degrees outside 0 to 65,535, or metres outside -1,000 to 64,535",
        "impossible slope": "a slope over 90 degrees",
        "mask values": "values other than 0 and 1 in a mask; in an RGB set, more than one value besides background",
        "not RGB": "in an RGB set, an image of another kind than three 8-bit channels",
        "mask size": "in an RGB set, a mask of another size than its image",
        "patch size": "in an RGB set, an image of another size than the first",
        "flat terrain": "constant elevation and zero slope: the patch has no terrain",
        "leak": "the same image in two splits",
        "duplicate": "the same image twice in one split",
        "same mask": "a mask with landslides that is equal to that of another image",
        "mostly landslide": "over 60 % of the labelled pixels of a split are landslide: masks may be inverted",
    }
)
"""Every kind of finding, with an explanation."""

REFUSED: Final[frozenset[Kind]] = frozenset(
    {
        "same number",
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
        "not RGB",
        "mask size",
    }
)
"""Kinds of findings that exclude a patch, because its values are wrong or unknown."""


def printable_path(path: Path, folder: Path) -> str:
    """Return a path relative to the checked folder, with escapes for characters that cannot be printed."""
    text = os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


class Finding(Frozen):
    """One fault."""

    kind: Kind
    split: Split | None
    id: int | None
    """Number of the patch, if the finding is about one."""
    file: str
    """Path in the checked folder."""
    text: str
    """The rest of a sentence that starts with the file name."""

    @property
    def refused(self) -> bool:
        """Whether it excludes its patch."""
        return self.kind in REFUSED


_SLOPE: Final = L4S_CHANNELS.index("slope")
_ELEVATION: Final = L4S_CHANNELS.index("elevation")
_STEEPEST_DEG: Final = 90


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """The contents and faults of one patch."""

    files: L4sFiles
    values: NDArray[np.float32] | None
    """(14, 128, 128) in integer DN, degrees and metres; None if this would need rounding."""
    mask: NDArray[np.uint8] | None
    """(128, 128) of 0 and 1; None without a usable mask."""
    digest: bytes
    """Hash of the image; empty if it cannot be read."""
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> bool:
        """Whether the patch cannot be used."""
        return any(finding.refused for finding in self.findings)


def inspect_patch(files: L4sFiles, folder: Path) -> Inspection:
    """Read the files of a patch and find all faults that do not concern other patches."""
    findings: list[Finding] = []

    def note(kind: Kind, path: Path, text: str) -> None:
        findings.append(
            Finding(kind=kind, split=files.split, id=files.id, file=printable_path(path, folder), text=text)
        )

    integers, digest = None, b""
    try:
        values = read_dataset(files.image, IMAGE)
    except Hdf5Error as error:
        note(error.kind, files.image, error.text)
    else:
        digest = hashlib.blake2b(values.data, digest_size=16).digest()
        integers = np.empty((len(L4S_CHANNELS), SIDE_PX, SIDE_PX), np.float32)
        exact = to_integers(values, integers)
        for kind, text in _faults(values, integers, exact):
            note(kind, files.image, text)
        if any(finding.refused for finding in findings):
            integers = None
    mask = None
    if files.mask is not None:
        try:
            mask = read_dataset(files.mask, MASK)
        except Hdf5Error as error:
            note(error.kind, files.mask, error.text)
        else:
            if mask.max() > 1:
                others = ", ".join(str(value) for value in np.unique(mask[mask > 1])[:5])
                note("mask values", files.mask, f"has {others}: a mask has only 1 (landslide) and 0 (background)")
                mask = None
    return Inspection(files, integers, mask, digest, tuple(findings))


def _faults(
    values: NDArray[np.float64], integers: NDArray[np.float32], exact: NDArray[np.bool_]
) -> list[tuple[Kind, str]]:
    """Return the faults of the values (128, 128, 14) of an image; integers is (14, 128, 128)."""
    finite = np.isfinite(values)
    if not finite.all():
        names = channel_names(np.logical_not(finite.all(axis=(0, 1))))
        return [("not finite", f"has {int((~finite).sum()):,} NaN or infinite values, in {names}")]
    if not exact.all():
        with np.errstate(invalid="ignore", over="ignore"):
            off = np.abs(values * DIVISORS - np.moveaxis(integers, 0, -1)).max(axis=(0, 1))
        text = f"is not DN / divisor in {channel_names(~exact)}: up to {off[~exact].max():.2g} from an integer"
        return [("not DN / divisor", f"{text}; it was rescaled, use the original file")]
    faults: list[tuple[Kind, str]] = []
    inside = fits_16_bits(integers)
    if not inside.all():
        low, high = (extreme(integers[~inside]) for extreme in (np.min, np.max))
        faults.append(
            ("out of range", f"has {low:.6g} to {high:.6g} in {channel_names(~inside)}, which do not fit into 16 bits")
        )
    slope, elevation = integers[_SLOPE], integers[_ELEVATION]
    if slope.max() > _STEEPEST_DEG:
        faults.append(("impossible slope", f"has a slope of {slope.max():.6g} degrees"))
    if not slope.any() and elevation.min() == elevation.max():
        faults.append(("flat terrain", f"has no terrain: {elevation.min():,.0f} m and slope 0 everywhere"))
    return faults
