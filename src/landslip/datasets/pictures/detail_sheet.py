"""A sheet of one patch: large views, and the spectrum inside and outside its landslides."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from landslip.channels import DETECTOR_INPUTS, DN_PER_REFLECTANCE, ndvi
from landslip.datasets.patch_set import SENTINEL, Patch
from landslip.datasets.pictures.contact_sheet import OUTLINED
from landslip.datasets.pictures.views import (
    View,
    count_landslides,
    draw_reference,
    enlarge,
    format_position,
    make_views,
)
from landslip.figures.cartography import choose_scale_bar, draw_scale_bar
from landslip.figures.colour_ramps import legend
from landslip.figures.formatting import format_area, format_count
from landslip.figures.typography import FAINT, INK, PAPER, RULE, Column, draw_text, text_width
from landslip.probability import BACKGROUND, LANDSLIDE, NODATA

LANDSLIDE_INK: Final = (170, 78, 22)
REST_INK: Final = (38, 112, 74)
_HEIGHT_PX: Final = 230
_LEFT_PX: Final = 34
_BELOW_PX: Final = 30
_FINER: Final = 3
_NOT_GROUND: Final = frozenset({"B09", "B10"})
"""Water vapour and cirrus, which measure the atmosphere rather than the surface."""


def draw_spectrum(patch: Patch, width: int) -> Image.Image:
    """Draw a chart of ``width`` x 230 pixels: median reflectance in percent over wavelength in nanometres."""
    known = [
        (DETECTOR_INPUTS[name].wavelength_nm or 0.0, patch.values[number] / DN_PER_REFLECTANCE * 100)
        for number, name in enumerate(patch.channels)
        if DETECTOR_INPUTS[name].kind == "reflectance" and name not in _NOT_GROUND
    ]
    known.sort(key=lambda one: one[0])
    wavelengths = np.array([wavelength for wavelength, _ in known])
    layers = np.stack([values for _, values in known])
    groups = [(patch.mask == LANDSLIDE, LANDSLIDE_INK), (patch.mask == BACKGROUND, REST_INK)]
    masks = [(where, ink) for where, ink in groups if where.any()] or [(np.ones(patch.mask.shape, np.bool_), INK)]
    quartiles = [(np.percentile(layers[:, where], (25, 50, 75), axis=1), ink) for where, ink in masks]
    top = _round_up(max(float(lines.max()) for lines, _ in quartiles))
    return _chart(wavelengths, quartiles, top, width)


def _chart(
    wavelengths: NDArray[np.float64],
    quartiles: list[tuple[NDArray[np.float64], tuple[int, int, int]]],
    top: float,
    width: int,
) -> Image.Image:
    """Draw axes, and lines through the medians with bars at every channel; drawn larger, then downsampled."""
    left, right, above, below = _LEFT_PX, width - 8, 8, _HEIGHT_PX - _BELOW_PX

    def x_of(wavelength: float) -> float:
        return left + (right - left) * (wavelength - 400) / 1900

    def y_of(percent: float) -> float:
        return below - (below - above) * percent / top

    fine = Image.new("RGB", (width * _FINER, _HEIGHT_PX * _FINER), PAPER)
    pen = ImageDraw.Draw(fine)
    steps = [top * fraction for fraction in (0, 0.5, 1)]
    for percent in steps:
        y = y_of(percent) * _FINER
        pen.line([(left * _FINER, y), (right * _FINER, y)], RULE, _FINER)
    for lines, ink in quartiles:
        points = [(x_of(w) * _FINER, y_of(p) * _FINER) for w, p in zip(wavelengths, lines[1], strict=True)]
        for (x, y), low, high in zip(points, lines[0], lines[2], strict=True):
            pen.line([(x, y_of(low) * _FINER), (x, y_of(high) * _FINER)], ink, 2 * _FINER)
            pen.ellipse([x - 3 * _FINER, y - 3 * _FINER, x + 3 * _FINER, y + 3 * _FINER], ink)
        pen.line(points, ink, 2 * _FINER, joint="curve")
    chart = fine.resize((width, _HEIGHT_PX), Image.Resampling.BOX)
    for percent in steps:
        text = f"{percent:g}%"
        draw_text(chart, (left - 6 - text_width(text, 12), y_of(percent) - 8), text, 12, FAINT)
    for wavelength in (500, 1000, 1500, 2000):
        text = f"{wavelength:,} nm"
        draw_text(chart, (x_of(wavelength) - text_width(text, 12) / 2, below + 8), text, 12, FAINT)
    return chart


def _round_up(percent: float) -> float:
    """Round up to 2, 4, 10, 20, 40, 60, 80, 100 percent, or to the next hundred."""
    return next((float(top) for top in (2, 4, 10, 20, 40, 60, 80, 100) if top >= percent), np.ceil(percent / 100) * 100)


_EDGE_PX: Final = 40
_GAP_PX: Final = 20
_PANEL_PX: Final = 384
_LARGE_PANEL_PX: Final = 640
"""If there is only one view, shown with and without the reference outlines."""
_SIDE_PX: Final = 340
_BESIDE: Final = 3


def draw_detail_sheet(patch: Patch, title: str, *, pixel_size_m: float = 10.0, source: str = SENTINEL) -> Image.Image:
    """Draw one patch in detail.

    Args:
        patch: the patch.
        title: title of the sheet.
        pixel_size_m: side of a pixel on the ground.
        source: attribution of the patch.

    Returns:
        An RGB picture.
    """
    shown = make_views(patch, pixel_size_m)
    # The first view is shown twice, once without the outlines.
    side_px = _PANEL_PX if len(shown) > 1 else _LARGE_PANEL_PX
    panels = [
        _panel(shown[0], patch, side_px, reference=False),
        *(_panel(view, patch, side_px, reference=True) for view in shown),
    ]
    beside = min(_BESIDE, len(panels))
    grid = _grid(panels, beside)
    side = Column(_SIDE_PX)
    _facts(side, patch, pixel_size_m, side_px)
    margin = side.render()
    body = Image.new("RGB", (grid.width + 2 * _GAP_PX + _SIDE_PX, max(grid.height, margin.height)), PAPER)
    body.paste(grid, (0, 0))
    body.paste(margin, (grid.width + 2 * _GAP_PX, 0))
    sheet = Column(body.width)
    sheet.text(title, 26, weight=0.5, lines=1)
    sheet.gap(2)
    sheet.text(_size_text(patch, pixel_size_m), 15, ink=FAINT)
    sheet.gap(18)
    sheet.picture(body)
    sheet.gap(12)
    sheet.text(f"{OUTLINED} {source}", 13, ink=FAINT)
    drawn = sheet.render()
    framed = Image.new("RGB", (drawn.width + 2 * _EDGE_PX, drawn.height + 2 * _EDGE_PX - 10), PAPER)
    framed.paste(drawn, (_EDGE_PX, _EDGE_PX - 10))
    return framed


def _panel(view: View, patch: Patch, side_px: int, *, reference: bool) -> Image.Image:
    """Draw a view with its title above and its legend below."""
    picture = enlarge(view.rgb, side_px)
    panel = Column(side_px)
    panel.text(
        f"{view.title}, with reference" if reference and view.title == "True colour" else view.title, 17, weight=0.3
    )
    panel.gap(2)
    panel.picture(draw_reference(picture, patch) if reference else picture)
    panel.gap(6)
    if view.ramp:
        panel.picture(legend(view.ramp, view.low, view.high, side_px))
        panel.gap(2)
    else:
        panel.text(view.note, 13, ink=FAINT, lines=1)
    return panel.render()


def _grid(panels: list[Image.Image], beside: int) -> Image.Image:
    """Place panels of one width in rows."""
    width, height = panels[0].width + _GAP_PX, max(panel.height for panel in panels) + 14
    rows = -(-len(panels) // beside)
    grid = Image.new("RGB", (beside * width - _GAP_PX, rows * height), PAPER)
    for number, panel in enumerate(panels):
        grid.paste(panel, (number % beside * width, number // beside * height))
    return grid


def _size_text(patch: Patch, pixel_size_m: float) -> str:
    height, width = patch.mask.shape
    words = [
        format_position(patch),
        f"{width} x {height} px of {pixel_size_m:g} m, {format_area(height * width * pixel_size_m**2)}",
    ]
    return "; ".join(word for word in words if word)


def _facts(side: Column, patch: Patch, pixel_size_m: float, side_px: int) -> None:
    """Write the counts of the reference, and the differences between landslides and background."""
    landslide, rest = patch.mask == LANDSLIDE, patch.mask == BACKGROUND
    side.text("Reference", 17, weight=0.3)
    if (patch.mask == NODATA).all():
        side.text("no labels for this patch", 15)
    else:
        side.text(
            f"{format_count(count_landslides(patch.mask), 'landslide', 'landslides')}, "
            f"{format_area(float(landslide.sum()) * pixel_size_m**2)}, {landslide.mean():.1%} of the patch",
            15,
        )
    length_m, length_px = choose_scale_bar(pixel_size_m * patch.mask.shape[1] / side_px, 200)
    side.gap(12)
    side.drawing(40, lambda image, y: draw_scale_bar(image, (0, y), length_m, length_px))
    side.gap(22)
    _medians(side, patch, landslide, rest)
    reflectance = [name for name in patch.channels if DETECTOR_INPUTS[name].kind == "reflectance"]
    if len(reflectance) >= 4:
        side.gap(22)
        side.text("Spectrum", 17, weight=0.3)
        side.text("median reflectance by wavelength, with quartiles", 13, ink=FAINT)
        side.gap(6)
        side.picture(draw_spectrum(patch, _SIDE_PX))


def _medians(side: Column, patch: Patch, landslide: NDArray[np.bool_], rest: NDArray[np.bool_]) -> None:
    """Draw a small table of the medians of NDVI, slope and elevation, inside and outside the landslides."""
    layers = dict(zip(patch.channels, patch.values, strict=True))
    rows: list[tuple[str, NDArray[np.float32], str]] = []
    if {"B04", "B08"} <= set(layers):
        rows.append(("NDVI", ndvi(layers["B04"], layers["B08"]), "{:.2f}"))
    if "slope" in layers:
        rows.append(("slope", layers["slope"], "{:.0f}°"))
    if "elevation" in layers:
        rows.append(("elevation", layers["elevation"], "{:,.0f} m"))
    if not rows:
        return
    everywhere = (patch.mask == NODATA).all()
    side.text("Medians", 17, weight=0.3)
    columns = [("all", np.ones_like(rest), INK)] if everywhere else []
    columns += [("landslides", landslide, LANDSLIDE_INK)] if landslide.any() else []
    columns += [("background", rest, REST_INK)] if rest.any() else []
    table = Image.new("RGB", (_SIDE_PX, 24 * (len(rows) + 1)), PAPER)
    for number, (name, where, ink) in enumerate(columns):
        cells = Column(110)
        cells.text(name, 14, ink=ink, weight=0.3)
        for _, values, text in rows:
            cells.gap(4)
            cells.text(text.format(float(np.median(values[where]))), 15)
        table.paste(cells.render(), (110 + number * 110, 0))
    names = Column(110)
    names.gap(19)
    for name, _, _ in rows:
        names.gap(4)
        names.text(name, 15, ink=FAINT)
    table.paste(names.render(), (0, 0))
    side.picture(table)
