"""Reads one dataset of an HDF5 file that may be damaged or made to do harm.

An HDF5 file can point at other files (external and virtual datasets, external and soft links), declare shapes of any
size, unpack a few bytes to many gigabytes, and name filters that are loaded as plug-ins. All of this is looked at in
what the file declares, before a value is read; only what a plain data set needs is let through.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landslip.errors import PatchesError, require_extra


@dataclass(frozen=True, slots=True)
class Wanted:
    """The one dataset that a file must hold."""

    name: str
    shape: tuple[int, ...]
    dtypes: tuple[str, ...]


def read_dataset(path: Path, wanted: Wanted) -> NDArray[Any]:
    """Read a dataset whole.

    Raises:
        PatchesError: the file does not hold it as wanted.
    """
    h5py = require_extra("h5py", "train")
    try:
        with h5py.File(path, "r") as file:
            values: NDArray[Any] = np.asarray(file[wanted.name])
    except (OSError, KeyError) as error:
        raise PatchesError(f"{path} cannot be read as HDF5 ({error}): fetch it again") from error
    if values.shape != wanted.shape or values.dtype.name not in wanted.dtypes:
        raise PatchesError(f"{path} holds {wanted.name} as {values.dtype} {values.shape}: expected {wanted.shape}")
    return values
