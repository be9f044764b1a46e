"""The map sheet, ``overview.png``: the image with outlined landslides, legend, scale, facts and warnings."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from affine import Affine
from PIL import Image
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from landslip.detector.card import Card
from landslip.figures.cartography import draw_outlines
from landslip.figures.picture import Picture, fit_size, render_resized, tint_codes
from landslip.figures.typography import INK, PAPER, Column
from landslip.grid.map_grid import MapGrid
from landslip.mapping.metadata.summary import Summary
from landslip.mapping.raster.masks import MASK_COLOURS
from landslip.mapping.report import margin
from landslip.mapping.report.margin import EXCLUDED_OUTLINE, Block

_EDGE_PX: Final = 40
"""Margin of the sheet, and gap between columns."""
_SIDE_PX: Final = 400
"""Width of the column beside the picture."""
_FRAME_PX: Final = 1
_MAX_WIDTH_PX: Final = 1600 - 2 * _EDGE_PX - 2 * _FRAME_PX
"""Widest picture that fits a sheet of 1,600 pixels."""
_MAX_HEIGHT_PX: Final = 1400
_MIN_COLUMN_PX: Final = 340


def draw_overview(
    picture: Picture,
    outlines: Iterable[BaseGeometry],
    summary: Summary,
    card: Card,
    *,
    excluded: Iterable[BaseGeometry] = (),
) -> Image.Image:
    """Draw the map sheet.

    Args:
        picture: the quicklook of the scene.
        outlines: of the landslides, in the coordinates of the picture's transform.
        summary: of the map.
        card: of the detector.
        excluded: outlines of the candidates that masks rule out.

    Returns:
        RGB, at most 1,600 pixels wide.
    """
    crs = CRS.from_user_input(summary.scene.crs) if summary.scene.crs else None
    grid = MapGrid(crs, picture.transform, picture.height, picture.width)
    pixel_x_m, pixel_y_m = grid.pixel_size_m
    known = bool(np.isfinite([pixel_x_m, pixel_y_m]).all()) and min(pixel_x_m, pixel_y_m) > 0
    y_per_x = pixel_y_m / pixel_x_m if known else 1.0
    beside = fit_size(picture.height, picture.width, y_per_x, _MAX_HEIGHT_PX, _MAX_WIDTH_PX - _EDGE_PX - _SIDE_PX)
    full_width = fit_size(picture.height, picture.width, y_per_x, _MAX_HEIGHT_PX, _MAX_WIDTH_PX)
    # The margin is beside the picture, or below a wide picture that would be much larger then.
    wide = full_width[1] > 1.25 * full_width[0] and beside[1] < 0.9 * full_width[1]
    height, width = full_width if wide else beside

    to_sheet = Affine.scale(width / picture.width, height / picture.height) * ~picture.transform
    image = render_resized(picture, height, width)
    if picture.codes is not None and summary.masks:
        image = tint_codes(image, picture.codes, MASK_COLOURS)
    image = draw_outlines(image, excluded, to_sheet, EXCLUDED_OUTLINE)
    shown = add_frame(draw_outlines(image, outlines, to_sheet))
    blocks = [
        *([margin.warnings(summary.warnings)] if summary.warnings else []),
        margin.legend(picture.metres_per_pixel * picture.width / width, grid, summary.masks),
        margin.facts(picture, summary, card, grid),
        margin.accuracy(card),
    ]
    return put_on_sheet(_below(shown, blocks) if wide else _beside(shown, blocks), summary)


def add_frame(shown: Image.Image) -> Image.Image:
    """Add a thin frame."""
    framed = Image.new("RGB", (shown.width + 2 * _FRAME_PX, shown.height + 2 * _FRAME_PX), INK)
    framed.paste(shown, (_FRAME_PX, _FRAME_PX))
    return framed


def _beside(shown: Image.Image, blocks: Sequence[Block]) -> Image.Image:
    """Place all blocks in one column beside the picture."""
    column = Column(_SIDE_PX)
    for index, block in enumerate(blocks):
        if index:
            column.gap(26)
        block(column)
    margin_picture = column.render()
    width = shown.width + _EDGE_PX + _SIDE_PX
    body = Image.new("RGB", (width, max(shown.height, margin_picture.height)), PAPER)
    body.paste(shown, (0, 0))
    body.paste(margin_picture, (shown.width + _EDGE_PX, 0))
    return body


def _below(shown: Image.Image, blocks: Sequence[Block]) -> Image.Image:
    """Place each block in its own column below the picture."""
    width = max(shown.width, len(blocks) * (_MIN_COLUMN_PX + _EDGE_PX) - _EDGE_PX)
    column_px = (width + _EDGE_PX) // len(blocks) - _EDGE_PX
    columns = []
    for block in blocks:
        column = Column(column_px)
        block(column)
        columns.append(column.render())
    top = shown.height + 28
    body = Image.new("RGB", (width, top + max(column.height for column in columns)), PAPER)
    body.paste(shown, (0, 0))
    for index, picture in enumerate(columns):
        body.paste(picture, (index * (column_px + _EDGE_PX), top))
    return body


def put_on_sheet(body: Image.Image, summary: Summary) -> Image.Image:
    """Put heading, body and footer on one sheet."""
    sheet = Column(body.width)
    margin.heading(summary)(sheet)
    sheet.gap(22)
    sheet.picture(body)
    sheet.gap(26)
    margin.footer(summary)(sheet)
    drawn = sheet.render()
    whole = Image.new("RGB", (drawn.width + 2 * _EDGE_PX, drawn.height + 2 * _EDGE_PX - 10), PAPER)
    whole.paste(drawn, (_EDGE_PX, _EDGE_PX - 10))
    return whole
