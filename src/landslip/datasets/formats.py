"""Opening a folder of patches of any format, and the attribution of what is made from it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from landslip.datasets.patch_set import PatchSet
from landslip.datasets.store.format import HEADER
from landslip.errors import PatchesError, require_extra
from landslip.files.progress import Progress, no_progress

if TYPE_CHECKING:
    from landslip.datasets.check import CheckReport


def open_patches(folder: str | Path) -> PatchSet[Any]:
    """Open a folder of labelled patches: RGB pictures, a store, or Landslide4Sense files.

    The format is recognised by the files: ``img/image_N.png`` and ``mask/mask_N.png``, with ``before/before_N.png`` for
    pairs of dates; ``store.json`` (written by
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
    path = _existing(folder)
    # Each format needs its own libraries.
    if any((path / "img").glob("*.png")):
        if (path / "before").is_dir():
            from landslip.datasets.pairs import open_pair_set  # noqa: PLC0415

            return open_pair_set(path)
        from landslip.datasets.rgb import open_rgb_set  # noqa: PLC0415

        return open_rgb_set(path)
    if (path / HEADER).is_file():
        from landslip.datasets.store.reading import open_store  # noqa: PLC0415

        return open_store(path)
    require_extra("h5py", "train")
    from landslip.datasets.l4s import open_l4s  # noqa: PLC0415

    return open_l4s(path)


def check_patches(folder: str | Path, progress: Progress = no_progress) -> "CheckReport":
    """Check every file of a folder of RGB patches or Landslide4Sense files.

    Args:
        folder: the folder of the data set.
        progress: told how many patches are checked.

    Raises:
        PatchesError: the folder does not exist, has no patches, or is a store, whose files were checked when packed.
        MissingExtraError: the files are HDF5, and h5py is not installed.

    Example:
        >>> check_patches("examples/l4s-rgb-scene-b").usable
        56
    """
    path = _existing(folder)
    if (path / "img").is_dir():
        from landslip.datasets.rgb_check import check_rgb  # noqa: PLC0415

        return check_rgb(path, progress)
    if (path / HEADER).is_file():
        raise PatchesError(
            f"{path} is a store, whose files were checked when it was packed: check the folder it was packed from, or "
            "compare both with  landslip data pack FOLDER STORE --verify",
            parameter="folder",
        )
    from landslip.datasets.check import check_l4s  # noqa: PLC0415

    return check_l4s(path, progress)


def _existing(folder: str | Path) -> Path:
    path = Path(folder)
    if not path.exists():
        raise PatchesError(f"{path} does not exist: give the folder of a data set", parameter="folder")
    return path
