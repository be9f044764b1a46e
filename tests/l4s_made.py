"""Small Landslide4Sense folders for tests: whole numbers divided by the divisors, in either layout."""

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from landslip.datasets.l4s_files import LAYOUTS
from landslip.datasets.l4s_values import DIVISORS, L4S_CHANNELS, SIDE_PX
from landslip.datasets.patch_set import Split

SLOPE, ELEVATION = L4S_CHANNELS.index("slope"), L4S_CHANNELS.index("elevation")
LOWEST_M = -400


def whole(seed: int) -> NDArray[np.int64]:
    """Whole numbers (128, 128, 14) that a patch could hold: DN, slopes to 90 degrees, ground under the sea too."""
    rng = np.random.default_rng(seed)
    numbers = rng.integers(0, 30_000, (SIDE_PX, SIDE_PX, len(L4S_CHANNELS)))
    numbers[..., SLOPE] %= 91
    numbers[..., ELEVATION] = LOWEST_M + numbers[..., ELEVATION] % 9000
    return numbers


def truth(seed: int) -> NDArray[np.uint8]:
    """A mask (128, 128) of 0 and 1."""
    return np.random.default_rng((seed, 1)).integers(0, 2, (SIDE_PX, SIDE_PX), np.uint8)


def write_h5(path: Path, name: str, values: NDArray[np.generic], **settings: object) -> Path:
    """Write one dataset."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.create_dataset(name, data=values, **settings)
    return path


def write_image(path: Path, numbers: NDArray[np.generic], **settings: object) -> Path:
    """Write an image as the organisers did: float64, whole numbers by the divisors."""
    return write_h5(path, "img", numbers / DIVISORS, **settings)


def make_l4s(
    folder: Path,
    images: Mapping[Split, list[int]],
    *,
    masks: Mapping[Split, list[int]] | None = None,
    layout: str = "official",
) -> Path:
    """Make a folder of these numbers; the seed of a patch is its number plus 10,000 for each split before its own.

    Masks are those of the images where they are left out.
    """
    for index, (split, (image_folder, mask_folder)) in enumerate(LAYOUTS[layout].items()):
        for number in images.get(split, []):
            write_image(folder / image_folder / f"image_{number}.h5", whole(number + 10_000 * index))
        for number in (images if masks is None else masks).get(split, []):
            write_h5(folder / mask_folder / f"mask_{number}.h5", "mask", truth(number + 10_000 * index))
    return folder
