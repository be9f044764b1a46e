"""A small picture of a scene: its size on a sheet, true colour where valid, hatched grey where nodata."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from PIL import Image

from landslip.errors import OutputError
from landslip.figures.true_colour import stretch_true_colour
from landslip.files.atomic import atomic_path

_PIXELS_SHOW: Final = 2
"""A picture enlarged by this factor or more shows its pixels; below it is interpolated."""
_LARGEST_PIXEL_PX: Final = 256
"""Largest enlargement, for scenes of a few pixels."""

HATCH_LIGHT: Final = (226, 225, 221)
HATCH_DARK: Final = (202, 201, 196)
_HATCH_PERIOD_PX: Final = 12


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A small picture of a scene."""

    values: NDArray[np.float32]
    """(3, H, W), free of NaN: true colour in DN, or three other channels."""
    valid: NDArray[np.bool_]
    """(H, W)."""
    channels: tuple[str, ...]
    """Shown as red, green and blue."""
    transform: Affine
    """From pixels of the picture to the scene's CRS; without a CRS, to pixels of the scene times their size."""
    metres_per_pixel: float
    """Ground length of a pixel of the picture at its centre, along x."""
    codes: NDArray[np.uint8] | None = None
    """(H, W) code of the mask of each pixel, 0 without one; None where nothing is masked."""

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.valid.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.valid.shape[1])


def fit_size(height: int, width: int, y_per_x: float, box_height: int, box_width: int) -> tuple[int, int]:
    """Choose the size of a picture in a box; a small picture is enlarged by a whole number.

    Args:
        height: rows of the picture.
        width: columns.
        y_per_x: ground height of a pixel over its ground width; a picture in degrees is stretched by it, so that a
            circle on the ground is a circle on the sheet.
        box_height: in pixels.
        box_width: in pixels.

    Returns:
        Height and width in pixels, at least 1 each.
    """
    # Two percent is not visible, and square pixels keep their shape.
    stretch = y_per_x if abs(y_per_x - 1) > 0.02 else 1.0
    scale = min(box_width / width, box_height / (height * stretch))
    if scale >= _PIXELS_SHOW:
        scale = min(int(scale), _LARGEST_PIXEL_PX)
    return max(1, round(height * stretch * scale)), max(1, round(width * scale))


def resize_picture(picture: Picture, height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Resize a picture: means of valid pixels when it shrinks, nearest neighbour when it grows by 2 or more.

    Returns:
        Values (3, height, width), and where at least half of the area is valid (height, width).
    """
    if (height, width) == (picture.height, picture.width):
        return picture.values, picture.valid
    growth = width / picture.width
    if growth >= _PIXELS_SHOW:
        how = Image.Resampling.NEAREST
    else:
        how = Image.Resampling.BILINEAR if growth > 1 else Image.Resampling.BOX
    weights = picture.valid.astype(np.float32)
    fraction = np.asarray(Image.fromarray(weights).resize((width, height), how))
    valid: NDArray[np.bool_] = fraction >= 0.5
    values = np.zeros((3, height, width), np.float32)
    for band, channel in zip(values, picture.values, strict=True):
        total = np.asarray(Image.fromarray(channel * weights).resize((width, height), how))
        np.divide(total, fraction, out=band, where=valid)
    return values, valid


def tint_codes(
    shown: Image.Image, codes: NDArray[np.uint8], colours: Mapping[int, tuple[int, int, int]], opacity: float = 0.55
) -> Image.Image:
    """Tint the pixels of a picture that have a code.

    Args:
        shown: RGB.
        codes: (H, W) of any size; the nearest one is taken.
        colours: by code; a code without one is left.
        opacity: of the tint, 0 to 1.

    Example:
        >>> tint_codes(Image.new("RGB", (2, 1)), np.array([[0, 1]], np.uint8), {1: (200, 100, 0)}, 0.5).getpixel((1, 0))
        (100, 50, 0)
    """
    resized = np.asarray(Image.fromarray(codes).resize(shown.size, Image.Resampling.NEAREST))
    rgb = np.asarray(shown).astype(np.float32)
    for code, colour in colours.items():
        here = resized == code
        rgb[here] += opacity * (np.array(colour, np.float32) - rgb[here])
    return Image.fromarray(np.rint(rgb).astype(np.uint8))


def draw_hatching(height: int, width: int) -> NDArray[np.uint8]:
    """Draw grey with slanted lines, RGB (height, width, 3), for nodata."""
    # Distance in pixels from the middle of the nearest line, which gives it smooth edges.
    across = np.abs(np.arange(_HATCH_PERIOD_PX) - _HATCH_PERIOD_PX / 2) / np.sqrt(2)
    opacity = np.clip(1.4 - across, 0, 1)[..., np.newaxis]
    light, dark = np.array(HATCH_LIGHT), np.array(HATCH_DARK)
    colours = np.rint(light + (dark - light) * opacity).astype(np.uint8)
    row, col = np.ogrid[:height, :width]
    hatched: NDArray[np.uint8] = colours[(row + col) % _HATCH_PERIOD_PX]
    return hatched


def render_picture(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> Image.Image:
    """Draw three channels (3, H, W) in true colour where valid (H, W), hatched grey elsewhere."""
    return _hatch(stretch_true_colour(values, valid), valid)


def render_resized(picture: Picture, height: int, width: int) -> Image.Image:
    """Draw a picture at another size, as :func:`resize_picture` does it.

    A picture that is enlarged so far that its pixels show is coloured first: far fewer pixels are stretched. Colours
    differ by a few grey levels, because the percentiles of the stretch are interpolated between fewer values.
    """
    if width < _PIXELS_SHOW * picture.width:
        return render_picture(*resize_picture(picture, height, width))
    rgb = Image.fromarray(stretch_true_colour(picture.values, picture.valid))
    larger, valid = (
        np.asarray(one.resize((width, height), Image.Resampling.NEAREST))
        for one in (rgb, Image.fromarray(picture.valid.astype(np.uint8)))
    )
    return _hatch(larger, valid == 1)


def _hatch(rgb: NDArray[np.uint8], valid: NDArray[np.bool_]) -> Image.Image:
    """Return the colours (H, W, 3), hatched grey where not valid (H, W)."""
    if valid.all():
        return Image.fromarray(rgb)
    return Image.fromarray(np.where(valid[..., np.newaxis], rgb, draw_hatching(*valid.shape)))


def check_picture(path: Path, *, overwrite: bool) -> None:
    """Check, before a long computation, that a picture can be written.

    Raises:
        OutputError: the name does not end in .png, or the file exists and must not be replaced.
    """
    if path.suffix.lower() != ".png":
        raise OutputError(f"the name of a picture must end in .png, got {path}", parameter="out")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists: give another name, or allow it to be overwritten", parameter="overwrite")


def write_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture as PNG, atomically; its folder is created where missing.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path.parent} cannot be created ({error.strerror}): give a folder you may write to"
        ) from error
    with atomic_path(path) as unfinished:
        picture.save(unfinished, "PNG", optimize=True)
