"""Map sheet: outlines are on their landslides, lengths are exact, nodata is hatched."""

import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pyproj import CRS

from landslip.figures.cartography import (
    CASING_PX,
    choose_scale_bar,
    draw_outlines,
    draw_scale_bar,
    north_direction,
    round_length_m,
)
from landslip.figures.picture import (
    Picture,
    draw_hatching,
    fit_size,
    render_picture,
    render_resized,
    resize_picture,
)
from landslip.figures.true_colour import stretch_true_colour
from landslip.figures.typography import text_width, wrap_text
from landslip.grid.map_grid import MapGrid
from landslip.mapping.report.overview import draw_overview
from map_records import card_of, summary_of

UTM = Affine(10, 0, 400_000, 0, -10, 2_480_000)
GREEN = (40, 70, 45)
AMBER = (255, 240, 205)


def picture_of(height: int, width: int, *, transform: Affine = UTM, nodata: float = 0.0, seed: int = 0) -> Picture:
    rng = np.random.default_rng(seed)
    return Picture(
        values=rng.uniform(200, 3000, (3, height, width)).astype(np.float32),
        valid=rng.uniform(size=(height, width)) >= nodata,
        channels=("B04", "B03", "B02"),
        transform=transform,
        metres_per_pixel=10.0,
    )


def changed(before: Image.Image, after: Image.Image) -> NDArray[np.bool_]:
    different: NDArray[np.bool_] = (np.asarray(before) != np.asarray(after)).any(axis=2)
    return different


def brightness(image: Image.Image) -> NDArray[np.float64]:
    return np.asarray(image, np.float64)[..., :2].min(axis=2)


@st.composite
def blobs(draw: st.DrawFn) -> shapely.Polygon:
    """A polygon of any shape on a sheet of 120 x 90 pixels."""
    x, y = draw(st.floats(30, 90)), draw(st.floats(30, 60))
    radii = draw(st.lists(st.floats(6, 28), min_size=3, max_size=9))
    angles = np.linspace(0, 2 * np.pi, len(radii), endpoint=False)
    return shapely.Polygon(np.column_stack([x + radii * np.cos(angles), y + radii * np.sin(angles)]))


@given(blobs())
def test_an_outline_is_drawn_on_the_edge_of_its_landslide_and_nowhere_else(blob: shapely.Polygon) -> None:
    sheet = Image.new("RGB", (120, 90), GREEN)
    drawn = draw_outlines(sheet, [blob], Affine.identity())
    rows, cols = np.nonzero(changed(sheet, drawn))
    middles = shapely.points(cols + 0.5, rows + 0.5)
    # 0.35 for points left out, 0.71 from the middle of a touched pixel to its corner, 0.4 for the finer grid's pixels.
    assert shapely.distance(middles, blob.exterior).max() <= CASING_PX / 2 + 1.46
    edge = [blob.exterior.interpolate(along) for along in np.arange(0, blob.exterior.length, 2.0)]
    light = brightness(drawn)
    for point in edge:
        here = light[int(point.y) - 1 : int(point.y) + 2, int(point.x) - 1 : int(point.x) + 2]
        assert here.max() > 150, f"no bright line near {point}"


@given(st.floats(0.001, 3), st.floats(5, 115), st.floats(5, 85))
def test_the_smallest_landslide_is_visible(size: float, x: float, y: float) -> None:
    sheet = Image.new("RGB", (120, 90), GREEN)
    drawn = draw_outlines(sheet, [shapely.box(x, y, x + size, y + size)], Affine.identity())
    light = brightness(drawn)[int(y) - 2 : int(y) + 6, int(x) - 2 : int(x) + 6]
    assert light.max() > 150


@pytest.mark.parametrize("ground", [(8, 14, 8), GREEN, (190, 170, 140), (250, 245, 235)])
def test_an_outline_is_visible_on_dark_and_bright_backgrounds(ground: tuple[int, int, int]) -> None:
    def luminance(colour: NDArray[np.float64]) -> NDArray[np.float64]:
        linear = (colour / 255) ** 2.2
        visible: NDArray[np.float64] = linear @ [0.2126, 0.7152, 0.0722]
        return visible

    sheet = Image.new("RGB", (120, 90), ground)
    drawn = draw_outlines(sheet, [shapely.box(20, 20, 90, 70)], Affine.identity())
    here = luminance(np.asarray(drawn, np.float64)[changed(sheet, drawn)])
    around = float(luminance(np.asarray(ground, np.float64)))
    contrast = max((here.max() + 0.05) / (around + 0.05), (around + 0.05) / (here.min() + 0.05))
    assert contrast > 4.5  # WCAG 2.2, 1.4.3


def test_holes_and_parts_are_outlined_too() -> None:
    ring = shapely.box(10, 10, 60, 60) - shapely.box(25, 25, 45, 45)
    both = shapely.MultiPolygon([ring, shapely.box(80, 20, 100, 40)])
    light = brightness(draw_outlines(Image.new("RGB", (120, 90), GREEN), [both], Affine.identity()))
    for x, y in ((10, 30), (25, 30), (80, 30)):
        assert light[y - 1 : y + 2, x - 1 : x + 2].max() > 150
    assert light[35, 35] == min(GREEN[:2])


@pytest.mark.parametrize("shift", [0, 30, 59])
def test_corners_are_round_also_at_the_edge_of_the_sheet(shift: int) -> None:
    """A disc of the width of the line lies around each corner of an acute triangle."""
    corners = np.array([(10.0, 45.0), (60.0, 41.0), (60.0, 49.0)]) + np.array([shift, 0])
    light = brightness(draw_outlines(Image.new("RGB", (120, 90), GREEN), [shapely.Polygon(corners)], Affine.identity()))
    for x, y in corners - 0.5:
        col, row = round(float(x)), round(float(y))
        near = light[row - 1 : row + 2, max(col - 1, 0) : min(col + 2, 120)]
        assert near.max() > 150
    # The casing goes round the acute corner: ahead of it, darker than the ground.
    assert light[44:46, int(corners[0][0]) - 2].min() < min(GREEN[:2])
    outside = draw_outlines(Image.new("RGB", (120, 90), GREEN), [shapely.Polygon(corners + 500)], Affine.identity())
    assert (brightness(outside) == min(GREEN[:2])).all()


def test_outlines_may_be_an_iterator_and_empty() -> None:
    sheet = Image.new("RGB", (50, 40), GREEN)
    boxes = [shapely.box(x, 10, x + 8, 20) for x in (5, 20, 35)]
    at_once = draw_outlines(sheet, boxes, Affine.identity())
    assert draw_outlines(sheet, iter(boxes), Affine.identity()).tobytes() == at_once.tobytes()
    assert draw_outlines(sheet, [], Affine.identity()).tobytes() == sheet.tobytes()


@given(st.floats(1e-3, 1e5), st.integers(40, 400))
def test_a_scale_bar_is_exact_to_a_pixel_and_has_a_round_length(metres_per_px: float, longest_px: int) -> None:
    length_m, length_px = choose_scale_bar(metres_per_px, longest_px)
    assert abs(length_px - length_m / metres_per_px) <= 1
    assert longest_px / 2.6 <= length_px <= longest_px
    digit = length_m / 10 ** math.floor(math.log10(length_m) + 1e-9)
    assert min(abs(digit - step) for step in (1, 2, 5)) < 1e-6


@pytest.mark.parametrize(
    ("longest_m", "length_m"), [(1, 1), (1.99, 1), (2, 2), (4.99, 2), (5, 5), (9.9, 5), (1000, 1000)]
)
def test_round_lengths(longest_m: float, length_m: float) -> None:
    assert round_length_m(longest_m) == pytest.approx(length_m)


@pytest.mark.parametrize("length_px", [20, 101, 260])
def test_the_drawn_scale_bar_has_its_length(length_px: int) -> None:
    paper = Image.new("RGB", (400, 60), "white")
    draw_scale_bar(paper, (30, 5), 500.0, length_px)
    dark = np.asarray(paper.convert("L"))[5 + 33] < 128
    assert dark.sum() == length_px
    assert dark[30]


@given(st.floats(-180, 180))
def test_north_rotates_with_the_grid(angle_deg: float) -> None:
    upright = north_direction((10, 0), (0, -10))
    assert upright == pytest.approx((0, -1))
    turn = math.radians(angle_deg)
    across, down = (10 * math.cos(turn), 10 * math.sin(turn)), (10 * math.sin(turn), -10 * math.cos(turn))
    north = north_direction(across, down)
    assert north == pytest.approx((math.sin(turn), -math.cos(turn)), abs=1e-9)


def test_true_north_is_not_grid_north_away_from_the_central_meridian() -> None:
    grid = MapGrid(CRS.from_epsg(32646), Affine(10, 0, 700_000, 0, -10, 6_600_000), 10, 10)
    across, down = (vectors[0].tolist() for vectors in grid.pixel_vectors_m(np.array([[5.0, 5.0]])))
    north = north_direction(tuple(across), tuple(down))
    assert north is not None
    # Meridian convergence east of the central meridian, 3.4 degrees of longitude times the sine of the latitude.
    assert math.degrees(math.atan2(north[0], -north[1])) == pytest.approx(-3.1, abs=0.3)


def test_north_is_none_where_undefined() -> None:
    assert north_direction((math.nan, 0), (0, -1)) is None
    assert north_direction((1, 0), (1, 0)) is None


@given(st.integers(0, 2**32 - 1), st.sampled_from([(60, 50), (20, 16), (31, 17), (7, 9), (90, 61)]))
def test_nodata_is_hatched_whatever_its_values(seed: int, size: tuple[int, int]) -> None:
    picture = picture_of(30, 25, nodata=0.4, seed=seed)
    hidden = np.where(picture.valid, picture.values, np.float32(1e6))
    other = Picture(hidden, picture.valid, picture.channels, picture.transform, 10.0)
    values, valid = resize_picture(picture, *size)
    other_values, other_valid = resize_picture(other, *size)
    assert (valid == other_valid).all()
    sheet = np.asarray(render_picture(values, valid))
    assert (sheet == np.asarray(render_picture(other_values, other_valid))).all()
    assert (sheet[~valid] == draw_hatching(*size)[~valid]).all()


def test_a_sheet_does_not_show_values_of_nodata_pixels() -> None:
    picture = picture_of(40, 40, nodata=0.3)
    hidden = Picture(
        np.where(picture.valid, picture.values, np.float32(9e5)), picture.valid, picture.channels, UTM, 10.0
    )
    sheets = [draw_overview(shown, [], summary_of(), card_of()) for shown in (picture, hidden)]
    assert sheets[0].tobytes() == sheets[1].tobytes()


@given(st.floats(0.01, 100), st.floats(-500, 500))
def test_colours_do_not_depend_on_gain_or_uniform_haze(gain: float, haze: float) -> None:
    picture = picture_of(20, 20)
    plain = stretch_true_colour(picture.values, picture.valid)
    brighter = stretch_true_colour((picture.values * gain + haze).astype(np.float32), picture.valid)
    assert np.abs(plain.astype(int) - brighter).max() <= 3


def test_grey_stays_grey_and_one_value_is_shown_in_the_middle() -> None:
    grey = np.tile(np.linspace(100, 3000, 50, dtype=np.float32), (3, 20, 1))
    rgb = stretch_true_colour(grey, np.ones((20, 50), np.bool_))
    assert (rgb == rgb[..., :1]).all()
    assert (np.diff(rgb[0, :, 0].astype(int)) >= 0).all()
    flat = stretch_true_colour(np.full((3, 2, 2), 700, np.float32), np.ones((2, 2), np.bool_))
    assert 100 < flat.min() == flat.max() < 200


@given(st.integers(1, 5000), st.integers(1, 5000), st.floats(0.3, 3))
def test_a_picture_fits_its_box_and_keeps_its_aspect_ratio(height: int, width: int, y_per_x: float) -> None:
    shown_height, shown_width = fit_size(height, width, y_per_x, 1400, 1078)
    assert 1 <= shown_height <= 1400
    assert 1 <= shown_width <= 1078
    if min(shown_height, shown_width) > 50 and abs(y_per_x - 1) > 0.02:
        assert shown_height / shown_width == pytest.approx(height * y_per_x / width, rel=0.03)
    if shown_width >= 2 * width:
        assert shown_width % width == 0


@given(st.text(max_size=300), st.floats(8, 40), st.integers(60, 500), st.integers(1, 6))
def test_text_never_leaves_its_column(text: str, size: float, width: int, lines: int) -> None:
    broken = wrap_text(text, size, width, lines)
    assert len(broken) <= lines
    assert all(text_width(line, size) <= width for line in broken)


def test_wrapping_loses_no_text_or_ends_in_an_ellipsis() -> None:
    name = "S2A_MSIL2A_20200219T112111_N0214_R037_T29RKH_20200219T123947"
    assert "".join(wrap_text(name, 20, 200, 50)) == name
    assert wrap_text(f"{name} and more", 20, 200, 2)[-1].endswith("…")
    assert wrap_text("trained at 10 m", 20, text_width("trained at 10", 20) + 1, 5) == ["trained at", "10 m"]
    assert wrap_text("ha² ≥ 5 – α", 20, 500, 1) == ["ha² >= 5 - ?"]


SHEETS = {
    "one pixel": (1, 1, UTM, "EPSG:32646"),
    "one row": (1, 500, UTM, "EPSG:32646"),
    "one column": (500, 1, UTM, "EPSG:32646"),
    "no CRS": (64, 64, Affine.identity(), None),
    "degrees, far north": (40, 80, Affine(1e-4, 0, 15.0, 0, -1e-4, 70.0), "EPSG:4326"),
    "polar": (30, 40, Affine(10, 0, 3e5, 0, -10, -1.2e6) * Affine.rotation(30), "EPSG:3413"),
    "south up": (30, 40, Affine(10, 0, 4e5, 0, 10, 2.4e6), "EPSG:32646"),
    "large": (1700, 900, UTM, "EPSG:32646"),
    "wide": (500, 1600, UTM, "EPSG:32646"),
}


@pytest.mark.parametrize("case", SHEETS)
def test_any_map_makes_a_sheet_of_at_most_1600_pixels(case: str) -> None:
    height, width, transform, crs = SHEETS[case]
    corners = [transform * corner for corner in ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))]
    scene = {"crs": crs, "height": height, "width": width}
    picture, summary = picture_of(height, width, transform=transform), summary_of(scene=scene)
    bare, sheet = (draw_overview(picture, drawn, summary, card_of()) for drawn in ([], [shapely.Polygon(corners)]))
    assert sheet.mode == "RGB"
    assert sheet.width <= 1600
    assert changed(bare, sheet).any()


def test_a_grid_in_degrees_keeps_its_shape_on_the_ground() -> None:
    # At 60 degrees north a degree of longitude is half a degree of latitude long.
    transform = Affine(2e-4, 0, 15.0, 0, -1e-4, 60.005)
    picture = Picture(np.full((3, 100, 100), 500, np.float32), np.ones((100, 100), np.bool_), ("B04",), transform, 11.1)
    square = shapely.box(15.004, 59.9970, 15.016, 60.0030)
    scene = {"crs": "EPSG:4326", "height": 100, "width": 100}
    bare, sheet = (draw_overview(picture, drawn, summary_of(scene=scene), card_of()) for drawn in ([], [square]))
    rows, cols = np.nonzero(changed(bare, sheet))
    assert (rows.max() - rows.min()) / (cols.max() - cols.min()) == pytest.approx(1, abs=0.03)


def test_warnings_are_on_the_sheet_and_do_not_widen_it() -> None:
    picture = picture_of(60, 60)
    calm = draw_overview(picture, [], summary_of(), card_of())
    warned = draw_overview(picture, [], summary_of(warnings=("x" * 400, *["beware of this"] * 30)), card_of())
    assert not (np.asarray(calm) == AMBER).all(axis=2).any()
    assert (np.asarray(warned) == AMBER).all(axis=2).sum() > 10_000
    assert warned.width == calm.width


@pytest.mark.parametrize(
    "changes",
    [
        {"landslides": 0, "landslide_area_m2": 0.0},
        {"landslides": 0, "landslide_area_m2": 0.0, "valid_fraction": 0.0, "valid_area_m2": 0.0},
        {"scene": {"name": "চট্টগ্রাম\nÜber\x07 " + "long_name_" * 60, "date": None}},
        {"scene": {"name": "", "pixel_size_m": (0.25, 0.25)}},
        {"detector": "d" * 200, "attribution": ("Contains modified Copernicus Sentinel data",) * 6},
    ],
)
def test_unusual_maps_have_a_sheet(changes: dict[str, object]) -> None:
    visible = changes.get("valid_fraction") != 0.0
    picture = picture_of(50, 70, nodata=0.0 if visible else 1.1)
    sheet = draw_overview(picture, [], summary_of(**changes), card_of(scores=(), not_good_for=("a " * 500,) * 9))
    assert sheet.width <= 1600


def test_the_same_map_gives_the_same_sheet() -> None:
    sheets = [draw_overview(picture_of(60, 60), [], summary_of(), card_of()).tobytes() for _ in range(2)]
    assert sheets[0] == sheets[1]


def test_the_real_scene_is_in_true_colour_with_hatched_nodata(shared_data: Path) -> None:
    path = shared_data / "scenes" / "chittagong-s2-4band" / "s2_rgbn_uint16.tif"
    with rasterio.open(path) as file:
        values, valid = file.read([1, 2, 3]).astype(np.float32), file.dataset_mask() > 0
    sheet = np.asarray(render_picture(values, valid))
    assert (sheet[~valid] == draw_hatching(*valid.shape)[~valid]).all()
    # Vegetation: green is the brightest of the three over most of the hills.
    hills = sheet[200:600, 100:300][valid[200:600, 100:300]].astype(int)
    assert (hills[:, 1] >= hills[:, 2]).mean() > 0.8
    assert 40 < hills.mean() < 160


@given(st.integers(0, 2**32 - 1), st.sampled_from([(60, 50), (90, 75), (40, 50), (45, 38), (20, 16), (30, 25)]))
def test_a_picture_is_coloured_before_or_after_it_grows_to_the_same_colours(seed: int, size: tuple[int, int]) -> None:
    picture = picture_of(30, 25, nodata=0.3, seed=seed)
    _, valid = resize_picture(picture, *size)
    before, after = (
        np.asarray(one).astype(int)
        for one in (render_resized(picture, *size), render_picture(*resize_picture(picture, *size)))
    )
    # Percentiles of repeated values are interpolated a little differently.
    assert np.abs(before - after).mean() <= 1
    assert np.abs(before - after).max() <= 12
    np.testing.assert_array_equal(before[~valid], draw_hatching(*size)[~valid])
