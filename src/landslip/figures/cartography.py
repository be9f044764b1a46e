"""Cartography of map sheets: outlines that stand out on any background, scale bar, north arrow."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from shapely.geometry.base import BaseGeometry

from landslip.figures.colour_ramps import OUTLINE
from landslip.figures.formatting import format_length
from landslip.figures.typography import FAINT, INK, draw_text, text_width

CASING: Final = (24, 16, 40)
OUTLINE_PX: Final = 1.4
CASING_PX: Final = 3.2

_FINER: Final = 3
"""Supersampling factor for smooth lines."""
_MARGIN: Final = 2 * math.ceil(CASING_PX * _FINER / 2)
"""Twice the reach of the widest line, in pixels of the finer grid."""
_CHUNK: Final = 5000
_DOT_PX: Final = 2.5
"""A polygon smaller than this is drawn as a dot, in a tenth of the time."""
_DOT_REACH_PX: Final = 0.6
"""Extra radius of a dot, so that single small landslides are easy to find."""
_TOLERANCE_PX: Final = 0.35
_MIN_HOLE_PX2: Final = 20.0
"""Smaller holes would be covered by their own line."""

Vector = tuple[float, float]


@dataclass(frozen=True, slots=True)
class OutlineStrokes:
    """Drawn outlines, to be laid over any picture of a size."""

    layers: tuple[tuple[Image.Image, tuple[int, int, int]], ...]
    """Opacity, 0 to 255, and ink of each layer, the lowest first; none where nothing is outlined."""

    @classmethod
    def of(
        cls,
        size: tuple[int, int],
        outlines: Iterable[BaseGeometry],
        to_sheet: Affine,
        colour: tuple[int, int, int] = OUTLINE,
    ) -> "OutlineStrokes":
        """Draw outlines for pictures of a size (width, height); see :func:`draw_outlines`."""
        iterator = iter(outlines)
        chunk = list(islice(iterator, _CHUNK))
        if not chunk:
            return cls(())
        width, height = (side * _FINER for side in size)
        casing, line = Image.new("L", (width, height)), Image.new("L", (width, height))
        to_fine = Affine.scale(_FINER) * to_sheet
        linear, shift = np.array([[to_fine.a, to_fine.d], [to_fine.b, to_fine.e]]), np.array([to_fine.c, to_fine.f])
        pens = [(ImageDraw.Draw(casing), CASING_PX * _FINER), (ImageDraw.Draw(line), OUTLINE_PX * _FINER)]
        corners = _Corners.of(width, height)
        while chunk:
            on_sheet = shapely.transform(np.array(chunk, dtype=object), lambda points: points @ linear + shift)
            dots, rings = _dots_and_rings(shapely.get_parts(on_sheet))
            corners.add(rings)
            for pen, thickness in pens:
                reach = thickness / 2 + _DOT_REACH_PX * _FINER
                for left, top, right, bottom in dots:
                    pen.ellipse((left - reach, top - reach, right + reach, bottom + reach), 255)
                for ring in rings:
                    pen.line(ring.ravel().tolist(), 255, round(thickness))
            chunk = list(islice(iterator, _CHUNK))
        rounded = corners.draw_discs([(casing, CASING_PX * _FINER), (line, OUTLINE_PX * _FINER)])
        inks = zip(rounded, (CASING, colour), strict=True)
        return cls(tuple((image.resize(size, Image.Resampling.BOX), ink) for image, ink in inks))

    def draw_on(self, sheet: Image.Image) -> Image.Image:
        """Return a picture (RGB) of their size with the outlines over it."""
        drawn = sheet.copy()
        for opacity, ink in self.layers:
            drawn.paste(ink, mask=opacity)
        return drawn


def draw_outlines(
    sheet: Image.Image,
    outlines: Iterable[BaseGeometry],
    to_sheet: Affine,
    colour: tuple[int, int, int] = OUTLINE,
) -> Image.Image:
    """Draw outlines over a picture: a bright line with a dark casing, visible on dark and bright backgrounds.

    Args:
        sheet: RGB.
        outlines: polygons or multipolygons.
        to_sheet: transform from their coordinates to pixels of the picture.
        colour: of the line.
    """
    return OutlineStrokes.of(sheet.size, outlines, to_sheet, colour).draw_on(sheet)


def _dots_and_rings(polygons: NDArray[np.object_]) -> tuple[list[list[float]], list[NDArray[np.float64]]]:
    """Split polygons on the finer grid into the bounds of those too small for a line, and the rings of the others.

    Coordinates are shifted by half a pixel, because Pillow counts from pixel centres. Invisible detail is removed.
    """
    outer = shapely.get_exterior_ring(polygons)
    bounds = shapely.bounds(outer) - 0.5
    small = np.maximum(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1]) < _DOT_PX * _FINER
    rings, owner = shapely.get_rings(polygons[~small], return_index=True)
    # A polygon's first ring is its outer one.
    inner = np.concatenate([[False], owner[1:] == owner[:-1]]) if len(rings) else np.zeros(0, np.bool_)
    holes = rings[inner]
    visible = holes[shapely.area(shapely.polygons(holes)) >= _MIN_HOLE_PX2 * _FINER**2]
    simple = shapely.simplify(np.concatenate([outer[~small], visible]), _TOLERANCE_PX * _FINER)
    points, ring = shapely.get_coordinates(simple, return_index=True)
    lines = np.split(points - 0.5, np.flatnonzero(np.diff(ring)) + 1) if len(points) else []
    return bounds[small].tolist(), lines


@dataclass(frozen=True, slots=True)
class _Corners:
    """Corners of lines, which Pillow leaves open: discs are drawn at all of them at once."""

    marked: NDArray[np.bool_]
    """(h, w) of the picture with a margin."""

    @classmethod
    def of(cls, width: int, height: int) -> "_Corners":
        return cls(np.zeros((height + 2 * _MARGIN, width + 2 * _MARGIN), np.bool_))

    def add(self, rings: list[NDArray[np.float64]]) -> None:
        """Mark the vertices of rings, in pixels of the picture."""
        if not rings:
            return
        x, y = (np.rint(np.concatenate(rings)) + _MARGIN).T
        height, width = self.marked.shape
        # A corner further out than half of the margin does not reach the picture.
        half = _MARGIN // 2
        near = (x >= half) & (y >= half) & (x < width - half) & (y < height - half)
        self.marked[y[near].astype(np.int64), x[near].astype(np.int64)] = True

    def draw_discs(self, lines: list[tuple[Image.Image, float]]) -> list[Image.Image]:
        """Return the images with a disc at every corner, as wide as the lines of each image are thick."""
        corners, width = np.flatnonzero(self.marked), self.marked.shape[1]
        rounded = []
        for image, thickness in lines:
            drawn = np.pad(np.asarray(image), _MARGIN)
            reach = int(thickness / 2)
            for down in range(-reach, reach + 1):
                for right in range(-reach, reach + 1):
                    if down * down + right * right <= thickness * thickness / 4:
                        drawn.reshape(-1)[corners + (down * width + right)] = 255
            rounded.append(Image.fromarray(drawn[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]))
        return rounded


def round_length_m(longest_m: float) -> float:
    """Round a length in metres down to 1, 2 or 5 times a power of ten.

    Example:
        >>> round_length_m(730)
        500.0
    """
    power = 10.0 ** math.floor(math.log10(longest_m))
    # The margin keeps exact lengths, such as 2 m, from being rounded down.
    step = max(step for step in (1, 2, 5) if step == 1 or step * power <= longest_m * (1 + 1e-9))
    return step * power


def choose_scale_bar(metres_per_px: float, longest_px: int) -> tuple[float, int]:
    """Choose a scale bar.

    Returns:
        Length on the ground in metres, a round number, and on the sheet in pixels.
    """
    length_m = round_length_m(metres_per_px * longest_px)
    return length_m, max(1, round(length_m / metres_per_px))


def draw_scale_bar(image: Image.Image, at: tuple[int, int], length_m: float, length_px: int) -> None:
    """Draw a scale bar with its labels above; it is 40 pixels high."""
    pen = ImageDraw.Draw(image)
    x, y = at
    top, bottom, half = y + 24, y + 33, length_px // 2
    pen.rectangle([x, top, x + length_px - 1, bottom], (255, 255, 255), INK, 1)
    pen.rectangle([x, top, x + max(half - 1, 0), bottom], INK)
    draw_text(image, (x, y), "0", 15)
    label = format_length(length_m)
    draw_text(image, (max(x + length_px - text_width(label, 15), x + 18), y), label, 15)


def north_direction(across_m: Vector, down_m: Vector) -> Vector | None:
    """Return the direction of north on a picture as a unit vector (right, down); None where it is undefined.

    Args:
        across_m: displacement (east, north) in metres of one pixel to the right.
        down_m: displacement (east, north) in metres of one pixel down.
    """
    ground = np.array([across_m, down_m]).T
    if not np.isfinite(ground).all() or abs(np.linalg.det(ground)) < 1e-12 * np.abs(ground).max() ** 2:
        return None
    # In metres along the picture's axes, since pixels may not be square.
    pixels = np.linalg.solve(ground, [0.0, 1.0]) * [math.hypot(*across_m), math.hypot(*down_m)]
    length = float(np.hypot(*pixels))
    return float(pixels[0]) / length, float(pixels[1]) / length


def draw_north_arrow(direction: Vector, size: int = 76) -> Image.Image:
    """Draw a north arrow with an N at its tip, as RGBA of ``size`` x ``size`` pixels."""
    finer = 4
    image = Image.new("RGBA", (size * finer, size * finer), (*INK, 0))
    pen = ImageDraw.Draw(image)
    centre, reach = size * finer / 2, size * finer * 0.30

    def point(along: float, aside: float) -> tuple[float, float]:
        x, y = direction
        return centre + reach * (along * x - aside * y), centre + reach * (along * y + aside * x)

    tip, tail, left, right = point(1, 0), point(-0.6, 0), point(-1, -0.5), point(-1, 0.5)
    pen.polygon([tip, tail, right], (*INK, 255))
    pen.polygon([tip, tail, left], (255, 255, 255, 255), (*FAINT, 255), 3)
    arrow = image.resize((size, size), Image.Resampling.BOX)
    x, y = (coordinate / finer for coordinate in point(1.36, 0))
    draw_text(arrow, (x - text_width("N", 16) / 2, y - 9), "N", 16, weight=0.4)
    return arrow
