"""overview.png: the map sheet. The image, the landslides outlined on it, and what it takes to read both."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from affine import Affine
from PIL import Image
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from landslip.detector.card import Card
from landslip.figures.cartography import outlined
from landslip.figures.picture import Picture, fitting_size, painted, resized
from landslip.figures.typography import INK, PAPER, Column
from landslip.grid.map_grid import MapGrid
from landslip.mapping.metadata.summary import Summary
from landslip.mapping.report import margin
from landslip.mapping.report.margin import Block

__all__ = ["Picture", "draw_overview"]

_EDGE_PX: Final = 40
"""White around everything, and between columns."""
_SIDE_PX: Final = 400
"""Width of the column beside the picture."""
_FRAME_PX: Final = 1
_ROOM_PX: Final = 1600 - 2 * _EDGE_PX - 2 * _FRAME_PX
"""Widest picture that fits a sheet of 1,600 pixels."""
_TALLEST_PX: Final = 1400
_LEAST_COLUMN_PX: Final = 340


def draw_overview(picture: Picture, outlines: Iterable[BaseGeometry], summary: Summary, card: Card) -> Image.Image:
    """Draw the map sheet.

    Args:
        picture: what was mapped.
        outlines: of the landslides, in the coordinates that the picture's transform leads to.
        summary: of the map.
        card: of the detector.

    Returns:
        RGB, at most 1,600 pixels wide.
    """
    crs = CRS.from_user_input(summary.scene.crs) if summary.scene.crs else None
    grid = MapGrid(crs, picture.transform, picture.height, picture.width)
    pixel_x_m, pixel_y_m = grid.pixel_size_m
    known = bool(np.isfinite([pixel_x_m, pixel_y_m]).all()) and min(pixel_x_m, pixel_y_m) > 0
    y_per_x = pixel_y_m / pixel_x_m if known else 1.0
    beside = fitting_size(picture.height, picture.width, y_per_x, _TALLEST_PX, _ROOM_PX - _EDGE_PX - _SIDE_PX)
    alone = fitting_size(picture.height, picture.width, y_per_x, _TALLEST_PX, _ROOM_PX)
    # A column beside the picture, unless the picture is wide and would be much larger without.
    wide = alone[1] > 1.25 * alone[0] and beside[1] < 0.9 * alone[1]
    height, width = alone if wide else beside

    values, observed = resized(picture, height, width)
    to_sheet = Affine.scale(width / picture.width, height / picture.height) * ~picture.transform
    shown = _framed(outlined(painted(values, observed), outlines, to_sheet))
    blocks = [
        *([margin.warnings(summary.warnings)] if summary.warnings else []),
        margin.key(picture.metres_per_pixel * picture.width / width, grid),
        margin.facts(picture, summary, card, grid),
        margin.trust(card),
    ]
    return _sheet(_below(shown, blocks) if wide else _beside(shown, blocks), summary)


def _framed(shown: Image.Image) -> Image.Image:
    """The picture in a thin frame."""
    framed = Image.new("RGB", (shown.width + 2 * _FRAME_PX, shown.height + 2 * _FRAME_PX), INK)
    framed.paste(shown, (_FRAME_PX, _FRAME_PX))
    return framed


def _beside(shown: Image.Image, blocks: Sequence[Block]) -> Image.Image:
    """The picture, and one column with all blocks beside it."""
    column = Column(_SIDE_PX)
    for place, block in enumerate(blocks):
        if place:
            column.gap(26)
        block(column)
    margin_picture = column.render()
    width = shown.width + _EDGE_PX + _SIDE_PX
    body = Image.new("RGB", (width, max(shown.height, margin_picture.height)), PAPER)
    body.paste(shown, (0, 0))
    body.paste(margin_picture, (shown.width + _EDGE_PX, 0))
    return body


def _below(shown: Image.Image, blocks: Sequence[Block]) -> Image.Image:
    """The picture, and a column for each block below it."""
    width = max(shown.width, len(blocks) * (_LEAST_COLUMN_PX + _EDGE_PX) - _EDGE_PX)
    column_px = (width + _EDGE_PX) // len(blocks) - _EDGE_PX
    columns = []
    for block in blocks:
        column = Column(column_px)
        block(column)
        columns.append(column.render())
    top = shown.height + 28
    body = Image.new("RGB", (width, top + max(column.height for column in columns)), PAPER)
    body.paste(shown, (0, 0))
    for place, picture in enumerate(columns):
        body.paste(picture, (place * (column_px + _EDGE_PX), top))
    return body


def _sheet(body: Image.Image, summary: Summary) -> Image.Image:
    """Heading, body and foot on one sheet."""
    sheet = Column(body.width)
    margin.heading(summary)(sheet)
    sheet.gap(22)
    sheet.picture(body)
    sheet.gap(26)
    margin.foot(summary)(sheet)
    drawn = sheet.render()
    whole = Image.new("RGB", (drawn.width + 2 * _EDGE_PX, drawn.height + 2 * _EDGE_PX - 10), PAPER)
    whole.paste(drawn, (_EDGE_PX, _EDGE_PX - 10))
    return whole
