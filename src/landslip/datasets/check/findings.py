"""What can be wrong with a Landslide4Sense folder: each kind of finding by name, and whether it keeps a patch out."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from landslip.datasets.hdf5 import FileFault
from landslip.datasets.patch_set import Split

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


class Finding(BaseModel):
    """One thing that is wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
