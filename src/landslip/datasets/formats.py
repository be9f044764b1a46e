"""Open patches wherever they lie: pictures, Landslide4Sense in either layout, or a packed store."""

from pathlib import Path
from typing import Any

from landslip.datasets.patch_set import PatchSet
from landslip.datasets.store.format import HEADER
from landslip.errors import PatchesError, require_extra


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
