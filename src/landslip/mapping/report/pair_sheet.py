"""The map sheet of two dates: before and after side by side with the outlines, the change between them, the margin."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from affine import Affine
from PIL import Image
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from landslip.detector.card import Card
from landslip.figures.cartography import OutlineStrokes
from landslip.figures.colour_ramps import OUTLINE, Ramp, legend
from landslip.figures.formatting import format_area, format_count, format_dates
from landslip.figures.picture import Picture, draw_hatching, fit_size, render_resized, resize_picture, tint_codes
from landslip.figures.typography import FAINT, PAPER, Column
from landslip.grid.map_grid import MapGrid
from landslip.mapping.metadata.summary import Summary
from landslip.mapping.raster.masks import MASK_COLOURS
from landslip.mapping.report import margin
from landslip.mapping.report.margin import EXCLUDED_OUTLINE
from landslip.mapping.report.overview import add_frame, put_on_sheet

NOT_NEW_OUTLINE: Final = (96, 208, 255)
"""Of candidates that were there before."""
_PANEL_PX: Final = 746
"""Width of a column; two and a gap fill a sheet of 1,600 pixels."""
_MAX_HEIGHT_PX: Final = 1000
_GAP_PX: Final = 24
_BRIGHTENING: Final = (Ramp(((33, 78, 140), (150, 185, 216), (245, 245, 240), (226, 150, 96), (140, 40, 20)), ""), 1.0)
_RDNDVI: Final = (Ramp(((140, 40, 20), (226, 150, 96), (245, 245, 240), (150, 200, 140), (30, 110, 60)), ""), 60.0)
_RAMPS: Final = {"brightening": _BRIGHTENING, "rdndvi": _RDNDVI}
_TITLES: Final = {
    "brightening": "Change: brightening in visible light (natural logarithm)",
    "rdndvi": "Change: relative difference of NDVI (%)",
}


@dataclass(frozen=True, slots=True)
class PairOutlines:
    """Outlines in the coordinates of the pictures' transform."""

    new: Sequence[BaseGeometry]
    not_new: Sequence[BaseGeometry]
    excluded: Sequence[BaseGeometry]


def draw_pair_overview(
    pictures: tuple[Picture, Picture, Picture], outlines: PairOutlines, summary: Summary, card: Card
) -> Image.Image:
    """Draw the map sheet of two dates.

    Args:
        pictures: before, after (true colour), and change (one channel, named by its band).
        outlines: of the candidates.
        summary: of the map.
        card: of the detector.

    Returns:
        RGB, about 1,600 pixels wide.
    """
    before, after, change = pictures
    crs = CRS.from_user_input(summary.scene.crs) if summary.scene.crs else None
    grid = MapGrid(crs, after.transform, after.height, after.width)
    pixel_x_m, pixel_y_m = grid.pixel_size_m
    known = bool(np.isfinite([pixel_x_m, pixel_y_m]).all()) and min(pixel_x_m, pixel_y_m) > 0
    height, width = fit_size(
        after.height, after.width, pixel_y_m / pixel_x_m if known else 1.0, _MAX_HEIGHT_PX, _PANEL_PX - 2
    )
    to_sheet = Affine.scale(width / after.width, height / after.height) * ~after.transform

    # Drawn once for all panels; the new ones lie over the others.
    strokes = [
        OutlineStrokes.of((width, height), drawn, to_sheet, colour)
        for drawn, colour in (
            (outlines.excluded, EXCLUDED_OUTLINE),
            (outlines.not_new, NOT_NEW_OUTLINE),
            (outlines.new, OUTLINE),
        )
    ]

    def draw_all(image: Image.Image) -> Image.Image:
        for one in strokes:
            image = one.draw_on(image)
        return add_frame(image)

    seen = render_resized(after, height, width)
    if after.codes is not None and summary.masks:
        seen = tint_codes(seen, after.codes, MASK_COLOURS)
    dates = summary.change
    panels = [
        (f"Before, {_date(dates.date_before if dates else None)}", render_resized(before, height, width)),
        (f"After, {_date(*summary.scene.dates)}", seen),
        (_TITLES[change.channels[0]], _render_change(change, height, width)),
    ]  # fmt: skip
    columns = [Column(_PANEL_PX), Column(_PANEL_PX)]
    for place, (title, image) in enumerate(panels):
        column = columns[place % 2]
        if place > 1:
            column.gap(_GAP_PX)
        column.text(title, 19, weight=0.5, lines=1)
        column.gap(6)
        column.picture(draw_all(image))
    ramp, limit = _RAMPS[change.channels[0]]
    columns[0].gap(8)
    columns[0].picture(legend(ramp, -limit, limit, width))
    _write_margin(columns[1], after, summary, card, grid, after.metres_per_pixel * after.width / width)
    rendered = [column.render() for column in columns]
    body = Image.new("RGB", (2 * _PANEL_PX + _GAP_PX, max(one.height for one in rendered)), PAPER)
    for place, one in enumerate(rendered):
        body.paste(one, (place * (_PANEL_PX + _GAP_PX), 0))
    return put_on_sheet(body, summary)


def _date(*dates: datetime | None) -> str:
    return format_dates(dates) if all(dates) else "date not stated in its files"


def _write_margin(
    column: Column, after: Picture, summary: Summary, card: Card, grid: MapGrid, metres_per_px: float
) -> None:
    """Write warnings, legend, what became of the candidates, and facts."""
    if summary.warnings:
        column.gap(_GAP_PX)
        margin.warnings(summary.warnings)(column)
    column.gap(_GAP_PX)
    margin.legend(metres_per_px, grid, summary.masks, new=True)(column)
    column.gap(8)
    margin.outline_row(column, NOT_NEW_OUTLINE, "candidate that was there before: not new")
    column.gap(18)
    if summary.change:
        not_new = format_count(summary.change.not_new, "candidate is", "candidates are")
        column.text(f"{not_new} not new, {format_area(summary.change.not_new_area_m2)}", 17)
    for record in summary.masks:
        if record.candidates:
            ruled_out = format_count(record.candidates, "candidate is", "candidates are")
            area = format_area(record.candidate_area_m2)
            column.text(f"{ruled_out} ruled out by the mask '{record.name}', {area}", 17)
    if summary.change:
        column.text(f"What is new was judged by {summary.change.detector}, not by a field survey.", 14, ink=FAINT)
    column.gap(14)
    margin.facts(after, summary, card, grid)(column)


def _render_change(change: Picture, height: int, width: int) -> Image.Image:
    """Draw the change by its colour ramp, hatched where it is not known."""
    three = Picture(
        np.broadcast_to(change.values[:1], (3, *change.valid.shape)),
        change.valid,
        change.channels,
        change.transform,
        change.metres_per_pixel,
    )
    values, valid = resize_picture(three, height, width)
    ramp, limit = _RAMPS[change.channels[0]]
    rgb = np.where(valid[..., None], ramp.to_rgb(values[0], -limit, limit), draw_hatching(height, width))
    return Image.fromarray(rgb.astype(np.uint8))
