"""A small picture of what was mapped, and how it is made to be looked at: size, colours, what was not observed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from PIL import Image

from landslip.errors import OutputError

_LOW_PERCENTILE: Final = 0.5
_HIGH_PERCENTILE: Final = 99.5
_GAMMA: Final = 1 / 1.4

_PIXELS_SHOW: Final = 2
"""Enlarged so many times or more, a picture shows its pixels as they are; less, it is enlarged smoothly."""
_LARGEST_PIXEL_PX: Final = 256
"""A scene of one pixel needs no more."""

HATCH_LIGHT: Final = (226, 225, 221)
HATCH_DARK: Final = (202, 201, 196)
_HATCH_PERIOD_PX: Final = 12


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A small picture of the mapped window."""

    values: NDArray[np.float32]
    """(3, h, w), free of NaN: true colour in DN, or whatever three channels there are."""
    observed: NDArray[np.bool_]
    """(h, w)."""
    channels: tuple[str, ...]
    """Shown as red, green and blue."""
    transform: Affine
    """From pixels of the picture to the scene's CRS; without a CRS to pixels of the scene times their size."""
    metres_per_pixel: float
    """Ground length of a pixel of the picture at its centre, along x."""

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.observed.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.observed.shape[1])


def fitting_size(height: int, width: int, y_per_x: float, box_height: int, box_width: int) -> tuple[int, int]:
    """The size at which to show a picture in a box: made to fit; a small one is enlarged by a whole number.

    Args:
        height: rows of the picture.
        width: columns.
        y_per_x: ground height of a pixel over its ground width; a picture in degrees is stretched by it, so that a
            circle on the ground is one on the sheet.
        box_height: room in pixels.
        box_width: likewise.

    Returns:
        Height and width in pixels, at least 1 each.
    """
    # Nobody sees two percent, and square pixels stay whole.
    stretch = y_per_x if abs(y_per_x - 1) > 0.02 else 1.0
    scale = min(box_width / width, box_height / (height * stretch))
    if scale >= _PIXELS_SHOW:
        scale = min(int(scale), _LARGEST_PIXEL_PX)
    return max(1, round(height * stretch * scale)), max(1, round(width * scale))


def resized(picture: Picture, height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Bring a picture to a size: means of what was observed when it shrinks, whole pixels when it grows much.

    Returns:
        Values (3, height, width) and observed (height, width): where at least half of the ground was observed.
    """
    if (height, width) == (picture.height, picture.width):
        return picture.values, picture.observed
    growth = width / picture.width
    if growth >= _PIXELS_SHOW:
        how = Image.Resampling.NEAREST
    else:
        how = Image.Resampling.BILINEAR if growth > 1 else Image.Resampling.BOX
    weights = picture.observed.astype(np.float32)
    share = np.asarray(Image.fromarray(weights).resize((width, height), how))
    observed: NDArray[np.bool_] = share >= 0.5
    values = np.zeros((3, height, width), np.float32)
    for band, channel in zip(values, picture.values, strict=True):
        total = np.asarray(Image.fromarray(channel * weights).resize((width, height), how))
        np.divide(total, share, out=band, where=observed)
    return values, observed


def colours(values: NDArray[np.float32], observed: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Stretch three channels to what a screen shows, all three alike, so that hues are kept.

    The darkest and brightest half percent of all observed values are cut, and a slight gamma opens the shadows.

    Args:
        values: (3, h, w).
        observed: (h, w).

    Returns:
        RGB (h, w, 3); black where not observed.
    """
    rgb = np.zeros((*observed.shape, 3), np.uint8)
    if not observed.any():
        return rgb
    seen = values[:, observed].astype(np.float64)
    low, high = np.percentile(seen, (_LOW_PERCENTILE, _HIGH_PERCENTILE))
    # A picture of one value has no range: it is shown in the middle.
    share = (seen - low) / (high - low) if high > low else np.full_like(seen, 0.5)
    rgb[observed] = np.rint(np.clip(share, 0, 1) ** _GAMMA * 255).astype(np.uint8).T
    return rgb


def hatching(height: int, width: int) -> NDArray[np.uint8]:
    """Grey with slanted lines, RGB (height, width, 3): what was not observed."""
    row, col = np.ogrid[:height, :width]
    # Distance from the middle of the nearest line, in pixels across it: its edges come out smooth.
    across = np.abs((row + col) % _HATCH_PERIOD_PX - _HATCH_PERIOD_PX / 2) / np.sqrt(2)
    share = np.clip(1.4 - across, 0, 1)[..., np.newaxis]
    light, dark = np.array(HATCH_LIGHT), np.array(HATCH_DARK)
    hatched: NDArray[np.uint8] = np.rint(light + (dark - light) * share).astype(np.uint8)
    return hatched


def painted(values: NDArray[np.float32], observed: NDArray[np.bool_]) -> Image.Image:
    """The picture in colours where it was observed, hatched grey where it was not."""
    rgb = np.where(observed[..., np.newaxis], colours(values, observed), hatching(*observed.shape))
    return Image.fromarray(rgb)


def check_picture(path: Path, *, overwrite: bool) -> None:
    """Refuse early what could not be written later.

    Raises:
        OutputError: it is no PNG, or is there already.
    """
    if path.suffix.lower() != ".png":
        raise OutputError(f"{path} is no name for a picture: let it end in .png")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} is there already: give another name, or --overwrite to replace it")


def write_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture as PNG.

    Raises:
        OutputError: it cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(unfinished, "PNG", optimize=True)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written ({error}): give a file in a folder you may write to") from error
