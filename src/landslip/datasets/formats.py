"""Opening a folder of patches of any format, and the attribution of what is made from it."""

from pathlib import Path
from typing import Any

from landslip.datasets.patch_set import PatchSet
from landslip.datasets.store.format import HEADER
from landslip.errors import PatchesError, require_extra


def open_patches(folder: str | Path) -> PatchSet[Any]:
    """Open a folder of labelled patches: RGB pictures, a store, or Landslide4Sense files.

    The format is recognised by the files: ``img/image_N.png`` and ``mask/mask_N.png``; ``store.json`` (written by
    ``landslip data pack``); or the HDF5 files of Landslide4Sense in the layout of its organisers or of its mirror.

    Args:
        folder: the folder of the data set.

    Returns:
        The patches in a fixed order. They are read when they are needed.

    Raises:
        PatchesError: the folder does not exist or has no patches.
        MissingExtraError: the files are HDF5, and h5py is not installed.

    Example:
        >>> patches = open_patches("examples/l4s-rgb-scene-b")
        >>> patches.channels
        ('B04', 'B03', 'B02')
        >>> next(iter(patches)).select(["B04"]).shape
        (1, 128, 128)
    """
    path = Path(folder)
    if not path.exists():
        raise PatchesError(f"{path} does not exist: give the folder of a data set", parameter="folder")
    # Each format needs its own libraries.
    if any((path / "img").glob("*.png")):
        from landslip.datasets.rgb import open_rgb_set  # noqa: PLC0415

        return open_rgb_set(path)
    if (path / HEADER).is_file():
        from landslip.datasets.store.reading import open_store  # noqa: PLC0415

        return open_store(path)
    require_extra("h5py", "train")
    from landslip.datasets.l4s import open_l4s  # noqa: PLC0415

    return open_l4s(path)
