"""What a picture or raster made of patches has to say of where they come from."""

from pathlib import Path
from typing import Any, Final

from landslip.datasets.patch_set import PatchSet
from landslip.datasets.store.format import HEADER
from landslip.errors import PatchesError, require_extra

SENTINEL: Final = "Contains modified Copernicus Sentinel data."
SYNTHETIC: Final = "Synthetic: no place on Earth, no measurement."
MARK: Final = "synthetic.json"
"""Lies in what ``landslip data make`` makes, and in a store of it."""


def attribution(patches: Path) -> str:
    """The sentence that belongs under anything made of a set of patches."""
    return SYNTHETIC if (patches / MARK).is_file() else SENTINEL


def open_patches(path: Path) -> PatchSet[Any]:
    """Open a set of patches of any kind.

    Raises:
        PatchesError: there is nothing, or it is no set of patches.
        MissingExtraError: the files are HDF5, and h5py is not installed.
    """
    if not path.exists():
        raise PatchesError(f"{path} does not exist: give a folder of patches, or a store made by  landslip data pack")
    if any((path / "img").glob("*.png")):
        from landslip.datasets.rgb import open_rgb_set  # noqa: PLC0415 # each kind brings its own libraries

        return open_rgb_set(path)
    if (path / HEADER).is_file():
        from landslip.datasets.store.reading import open_store  # noqa: PLC0415

        return open_store(path)
    require_extra("h5py", "train")
    from landslip.datasets.l4s import open_l4s  # noqa: PLC0415

    return open_l4s(path)
