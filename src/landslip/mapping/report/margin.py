"""The margin of a map sheet: heading, warnings, legend, facts, accuracy, footer. Each is a block for a column."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from landslip.channels import TRUE_COLOUR
from landslip.detector.card import Card
from landslip.figures.cartography import (
    CASING,
    CASING_PX,
    OUTLINE_PX,
    choose_scale_bar,
    draw_north_arrow,
    draw_scale_bar,
    north_direction,
)
from landslip.figures.colour_ramps import OUTLINE
from landslip.figures.formatting import (
    format_area,
    format_count,
    format_date,
    format_dates,
    format_length,
    format_lonlat,
    format_number,
    format_percent,
    to_sentence,
)
from landslip.figures.picture import Picture, draw_hatching, tint_codes
from landslip.figures.typography import FAINT, INK, Column, plain, wrap_text
from landslip.grid.map_grid import MapGrid
from landslip.mapping.metadata.summary import MaskRecord, Summary
from landslip.mapping.raster.masks import MASK_COLOURS
from landslip.scenes.masks.kinds import KINDS

Block = Callable[[Column], None]

CAVEAT: Final = "The landslides on this map are candidates detected by a model and were not verified in the field."

EXCLUDED_OUTLINE: Final = (222, 222, 222)
"""Of candidates that masks rule out."""
_SHOWN_WARNINGS: Final = 8
_SHOWN_SCORES: Final = 3
_SHOWN_LIMITS: Final = 6
_AMBER: Final = (255, 240, 205)
_AMBER_EDGE: Final = (184, 106, 0)
_SWATCH_PX: Final = (46, 30)


def headline(summary: Summary) -> str:
    """Return the result of a map in a sentence."""
    if summary.valid_fraction == 0:
        return "No valid pixels: the map holds no information about landslides"
    new = "new " if summary.change else ""
    if summary.landslides == 0:
        where = "" if summary.valid_fraction == 1 else " in the valid part of the area"
        return f"No {new}candidate landslides{where}"
    count = format_count(summary.landslides, f"{new}candidate landslide", f"{new}candidate landslides")
    found = f"{count}, {format_area(summary.landslide_area_m2)}"
    if summary.valid_area_m2 <= 0:
        return found
    return f"{found} ({format_percent(summary.landslide_area_m2 / summary.valid_area_m2)} of the valid area)"


def heading(summary: Summary) -> Block:
    """The name of the scene and the result."""

    def write(column: Column) -> None:
        column.text(summary.scene.name or "Unnamed scene", 38, weight=0.6, lines=2)
        column.gap(4)
        column.text(headline(summary), 24, lines=3)

    return write


def warnings(messages: Sequence[str]) -> Block:
    """The warnings, in a coloured box."""

    def write(column: Column) -> None:
        box = Column(column.width - 32, _AMBER)
        box.gap(12)
        box.text("Warning" if len(messages) == 1 else f"Warnings ({len(messages)})", 19, weight=0.5)
        for message in messages[:_SHOWN_WARNINGS]:
            box.gap(6)
            box.text(to_sentence(message), 16, lines=7)
        if len(messages) > _SHOWN_WARNINGS:
            box.gap(6)
            box.text(f"and {len(messages) - _SHOWN_WARNINGS} more in summary.json", 16, ink=FAINT)
        box.gap(12)
        framed = Image.new("RGB", (column.width, box.height), _AMBER)
        framed.paste(box.render(), (18, 0))
        ImageDraw.Draw(framed).rectangle([0, 0, 5, box.height], _AMBER_EDGE)
        column.picture(framed)

    return write


def legend(metres_per_px: float, grid: MapGrid, masks: Sequence[MaskRecord] = (), *, new: bool = False) -> Block:
    """The legend, the scale bar, and the north arrow where the grid has a CRS; ``new`` for a map of two dates."""

    def write(column: Column) -> None:
        _row(column, _outline_swatch(OUTLINE), f"{'new ' if new else ''}landslide (model prediction)")
        column.gap(8)
        if any(record.candidates for record in masks):
            reasons = ", ".join(KINDS[record.name].title for record in masks if record.candidates)
            _row(column, _outline_swatch(EXCLUDED_OUTLINE), f"candidate ruled out: {reasons}")
            column.gap(8)
        for record in masks:
            kind = KINDS[record.name]
            if record.pixels and kind.code in MASK_COLOURS:
                swatch = Image.new("RGB", _SWATCH_PX, _tinted(MASK_COLOURS[kind.code]))
                ImageDraw.Draw(swatch).rectangle([0, 0, swatch.width - 1, swatch.height - 1], None, INK)
                _row(column, swatch, f"{kind.title} (no data)" if kind.hides else kind.title)
                column.gap(8)
        hatched = Image.fromarray(draw_hatching(_SWATCH_PX[1], _SWATCH_PX[0]))
        _row(column, hatched, "no data")
        if not np.isfinite(metres_per_px) or metres_per_px <= 0:
            return
        column.gap(18)
        arrow = _north(grid)
        length_m, length_px = choose_scale_bar(metres_per_px, min(260, column.width - 140))

        def scale_and_north(image: Image.Image, y: int) -> None:
            draw_scale_bar(image, (0, y + (18 if arrow else 0)), length_m, length_px)
            if arrow:
                image.paste(arrow, (min(column.width, 400) - arrow.width, y), arrow)

        column.drawing(arrow.height if arrow else 40, scale_and_north)

    return write


def outline_row(column: Column, colour: tuple[int, int, int], text: str) -> None:
    """Add the symbol of an outline and its meaning to a legend."""
    _row(column, _outline_swatch(colour), text)


def facts(picture: Picture, summary: Summary, card: Card, grid: MapGrid) -> Block:
    """Acquisition date, detector and settings of the map."""
    threshold = format_number(summary.threshold)
    if summary.change is not None:
        threshold += " (that a landslide is new)"
    elif abs(summary.threshold - card.threshold) > 1e-9:
        threshold += f" (detector default: {format_number(card.threshold)})"
    channels = ", ".join(picture.channels)
    shown = f"true colour ({channels})" if picture.channels == TRUE_COLOUR else f"{channels} as RGB"
    pixel_x_m, pixel_y_m = summary.scene.pixel_size_m
    square = abs(pixel_y_m / pixel_x_m - 1) < 0.01 if pixel_x_m > 0 else True
    pixel = format_length(pixel_x_m) if square else f"{format_length(pixel_x_m)} x {format_length(pixel_y_m)}"
    centre = "unknown" if grid.crs is None else format_lonlat(*(float(degrees) for degrees in grid.centre_lonlat))
    rows = [
        ("Image date", format_dates(summary.scene.dates)),
        ("Bands", shown),
        ("Pixel size", pixel),
        ("Centre", centre),
        ("Valid", f"{format_percent(summary.valid_fraction)} of the mapped area"),
        ("Detector", summary.detector),
        *([("Change", summary.change.detector)] if summary.change else []),
        ("Threshold", threshold),
        ("Min. area", "none" if summary.settings.min_area_m2 <= 0 else format_area(summary.settings.min_area_m2)),
    ]

    if summary.settings.aoi:
        rows.insert(4, ("Area", summary.settings.aoi))

    def write(column: Column) -> None:
        for name, value in rows:
            _fact(column, name, value)

    return write


def accuracy(card: Card) -> Block:
    """Scores of the detector on labelled patches, and its limitations."""

    def write(column: Column) -> None:
        column.text("Accuracy on labelled patches", 19, weight=0.5, lines=1)
        column.gap(4)
        # Parts that were used for selection come last: their scores are optimistic.
        scores = sorted(card.scores, key=lambda score: "validation" in score.data)
        for score in scores[:_SHOWN_SCORES]:
            figures = f"precision {score.precision:.2f}, recall {score.recall:.2f}, F1 {score.f1:.2f}"
            column.text(f"{score.data}: {figures}", 15, lines=4)
            seeds = [format_count(len(score.seeds), "seed", "seeds")] if score.seeds else []
            column.text("; ".join([score.protocol, score.definition, *seeds]), 14, ink=FAINT, lines=4)
            column.gap(5)
        if len(card.scores) > _SHOWN_SCORES:
            column.text("All scores are in report.html.", 14, ink=FAINT)
            column.gap(5)
        if not card.scores:
            column.text(card.unmeasured, 15)
            column.gap(5)
        column.text("Limitations", 15, weight=0.4, lines=1)
        for limit in card.not_good_for[:_SHOWN_LIMITS]:
            top = column.height
            column.text("·", 15, lines=1)
            column.height = top
            column.text(to_sentence(limit), 15, indent=14, lines=3)

    return write


def footer(summary: Summary) -> Block:
    """Caveat, attribution, and version."""
    version = summary.versions.get("landslip", "")
    made = f"Made with landslip {version}".strip() + f" on {format_date(summary.created)}."

    def write(column: Column) -> None:
        column.rule()
        column.gap(12)
        column.text(CAVEAT, 16, lines=4)
        column.gap(3)
        for line in summary.attribution:
            column.text(line, 14, ink=FAINT, lines=2)
        column.text(made, 14, ink=FAINT)

    return write


def _row(column: Column, swatch: Image.Image, text: str) -> None:
    """A symbol and its meaning, side by side."""
    indent = swatch.width + 14
    lines = len(wrap_text(text, 17, column.width - indent, 3))
    text_height = lines * round(17 * 1.36)
    top = column.height
    column.picture(swatch)
    column.height = top + max(0, (swatch.height - text_height) // 2)
    column.text(text, 17, indent=indent)
    column.height = max(column.height, top + swatch.height)


def _fact(column: Column, name: str, value: str) -> None:
    """A name and its value in two columns, with a rule above."""
    column.rule()
    column.gap(6)
    top = column.height
    column.text(name, 16, ink=FAINT, lines=1)
    column.height = top
    column.text(plain(value), 16, indent=102, lines=3)
    column.gap(5)


def _tinted(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the colour of a mask over middle grey, as it looks on the picture."""
    tinted = tint_codes(Image.new("RGB", (1, 1), (120, 120, 120)), np.ones((1, 1), np.uint8), {1: colour})
    red, green, blue = np.asarray(tinted)[0, 0].tolist()
    return red, green, blue


def _outline_swatch(colour: tuple[int, int, int]) -> Image.Image:
    """An outline, half on dark forest and half on bright soil."""
    finer = 4
    width, height = (length * finer for length in _SWATCH_PX)
    swatch = Image.new("RGB", (width, height), (38, 58, 40))
    pen = ImageDraw.Draw(swatch)
    pen.rectangle([width // 2, 0, width, height], (186, 166, 138))
    ring = [(0.2, 0.4), (0.42, 0.2), (0.66, 0.32), (0.84, 0.62), (0.62, 0.82), (0.36, 0.66), (0.2, 0.4)]
    points = [(x * width, y * height) for x, y in ring]
    for ink, width_px in ((CASING, CASING_PX), (colour, OUTLINE_PX)):
        pen.line([*points, points[1]], ink, round(width_px * finer), joint="curve")
    swatch = swatch.resize(_SWATCH_PX, Image.Resampling.BOX)
    ImageDraw.Draw(swatch).rectangle([0, 0, swatch.width - 1, swatch.height - 1], None, INK)
    return swatch


def _north(grid: MapGrid) -> Image.Image | None:
    """The north arrow; None where north is undefined."""
    if grid.crs is None:
        return None
    middle = np.array([[grid.width / 2, grid.height / 2]])
    across_m, down_m = grid.pixel_vectors_m(middle)
    direction = north_direction(tuple(across_m[0].tolist()), tuple(down_m[0].tolist()))
    return draw_north_arrow(direction) if direction else None
