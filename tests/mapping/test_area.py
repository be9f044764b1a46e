"""Areas of interest: the same pixels on any grid, and errors for invalid areas."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer

from landslip.errors import AreaError
from landslip.grid.window import Window
from landslip.mapping.area import AreaOfInterest, AreaOnGrid, area_of_interest

DEGREES = GeoBox((200, 300), Affine(1e-3, 0, 92, 0, -1e-3, 22.5), "EPSG:4326")
UTM = GeoBox((200, 300), Affine(10, 0, 400_000, 0, -10, 2_500_000), "EPSG:32646")
ROTATED = GeoBox((200, 300), Affine(8, 6, 400_000, 6, -8, 2_500_000), "EPSG:32646")


def centres_lonlat(geobox: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    height, width = geobox.shape
    cols, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    t = geobox.affine
    x, y = t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f
    return Transformer.from_crs(geobox.crs.proj, "EPSG:4326", always_xy=True).transform(x, y)


def whole(area: AreaOnGrid, geobox: GeoBox) -> np.ndarray:
    height, width = geobox.shape
    return area.mask(Window(0, 0, height, width))


def bbox_of_part(geobox: GeoBox, part: float) -> tuple[float, float, float, float]:
    """A box around the middle of a scene, so large a part of it, its sides between pixel centres."""
    lon, lat = centres_lonlat(geobox)
    west, east = np.quantile(lon, [0.5 - part / 2, 0.5 + part / 2])
    south, north = np.quantile(lat, [0.5 - part / 2, 0.5 + part / 2])
    return float(west) - 3.1e-5, float(south) - 3.3e-5, float(east) + 3.7e-5, float(north) + 3.9e-5


@pytest.mark.parametrize("geobox", [DEGREES, UTM, ROTATED], ids=["degrees", "utm", "rotated"])
@pytest.mark.parametrize("part", [0.05, 0.5, 0.9])
def test_a_box_contains_the_pixels_with_their_centre_in_it(geobox: GeoBox, part: float) -> None:
    west, south, east, north = bbox_of_part(geobox, part)
    area = area_of_interest(f"{west},{south},{east},{north}").on(geobox)
    lon, lat = centres_lonlat(geobox)
    expected = (west <= lon) & (lon <= east) & (south <= lat) & (lat <= north)
    assert (whole(area, geobox) != expected).sum() <= 3, "rounding at the very edge"
    rows, cols = area.window.slices
    assert expected[rows, cols].sum() == expected.sum(), "the window holds the area"
    assert Window(0, 0, *geobox.shape).contains(area.window)


@given(st.integers(1, 60), st.integers(0, 150), st.integers(0, 250))
def test_a_mask_is_the_same_in_any_block(side: int, row: int, col: int) -> None:
    west, south, east, north = bbox_of_part(UTM, 0.6)
    area = area_of_interest(f"{west},{south},{east},{north}").on(UTM)
    block = Window(row, col, min(side, 200 - row), min(side, 300 - col))
    np.testing.assert_array_equal(area.mask(block), whole(area, UTM)[block.slices])


@pytest.mark.parametrize("name", ["area.geojson", "area.gpkg", "area.shp"])
def test_a_file_gives_its_polygons(tmp_path: Path, name: str) -> None:
    shape = shapely.Polygon([(92.05, 22.35), (92.2, 22.4), (92.1, 22.45)])
    crs = "EPSG:4326" if name.endswith("json") else "EPSG:32646"
    gpd.GeoSeries([shape], crs="EPSG:4326").to_crs(crs).to_file(tmp_path / name)
    area = area_of_interest(str(tmp_path / name)).on(DEGREES)
    lon, lat = centres_lonlat(DEGREES)
    assert (whole(area, DEGREES) != shapely.contains_xy(shape, lon, lat)).mean() < 0.001


def test_several_polygons_and_a_self_touching_one_are_one_area(tmp_path: Path) -> None:
    bow = shapely.Polygon([(92.05, 22.35), (92.1, 22.4), (92.1, 22.35), (92.05, 22.4)])
    apart = shapely.box(92.2, 22.4, 92.22, 22.42)
    gpd.GeoSeries([bow, apart, shapely.Point(92.01, 22.31)], crs="EPSG:4326").to_file(tmp_path / "a.gpkg")
    area = area_of_interest(str(tmp_path / "a.gpkg")).on(DEGREES)
    lon, lat = centres_lonlat(DEGREES)
    expected = shapely.contains_xy(shapely.make_valid(bow).union(apart), lon, lat)
    assert (whole(area, DEGREES) != expected).mean() < 0.001


@pytest.mark.parametrize("geobox", [DEGREES, UTM, ROTATED], ids=["degrees", "utm", "rotated"])
@pytest.mark.parametrize("text", ["-180,-90,180,90", "-179,-89,179,89", "60,0,120,60", "80,10,100,30"])
def test_an_area_around_the_whole_scene_is_the_whole_scene(geobox: GeoBox, text: str) -> None:
    area = area_of_interest(text).on(geobox)
    assert whole(area, geobox).all()
    assert area.window == Window(0, 0, *geobox.shape)


def test_the_fraction_of_an_area_that_a_scene_covers_is_known() -> None:
    geobox = GeoBox((20, 40), Affine(0.001, 0, 10, 0, -0.001, 50), "EPSG:4326")
    assert area_of_interest("10.02,49.98,10.06,50").on(geobox).fraction_inside == pytest.approx(0.5, abs=1e-3)
    ring = shapely.box(10.01, 49.985, 10.03, 49.995) - shapely.box(10.015, 49.987, 10.025, 49.993)
    for shape in (ring, shapely.reverse(ring)):
        area = AreaOfInterest("ring", shape, CRS.from_epsg(4326))
        assert area.on(geobox).fraction_inside == pytest.approx(1, abs=1e-5)
    assert area_of_interest("10,49.99,10.02,50").on(geobox).fraction_inside == pytest.approx(1, abs=1e-5)


def test_an_area_that_also_touches_the_scene_along_a_line_adds_no_pixels(tmp_path: Path) -> None:
    """A part inside, and a part that lies against the scene's edge from outside."""
    shape = shapely.MultiPolygon([shapely.box(92.1, 22.4, 92.15, 22.45), shapely.box(91.9, 22.35, 92.0, 22.36)])
    gpd.GeoSeries([shape], crs="EPSG:4326").to_file(tmp_path / "a.gpkg")
    area = area_of_interest(str(tmp_path / "a.gpkg")).on(DEGREES)
    lon, lat = centres_lonlat(DEGREES)
    expected = (lon > 92.1) & (lon < 92.15) & (lat > 22.4) & (lat < 22.45)
    np.testing.assert_array_equal(whole(area, DEGREES), expected)


@pytest.mark.parametrize("west", [179.9, -180.1])
def test_a_box_across_the_antimeridian_on_a_grid_in_degrees(west: float) -> None:
    geobox = GeoBox((100, 200), Affine(1e-3, 0, west, 0, -1e-3, -16), "EPSG:4326")
    area = area_of_interest("179.95,-16.05,-179.97,-16.02").on(geobox)
    rows, cols = np.nonzero(whole(area, geobox))
    assert (rows.min(), rows.max()) == (20, 49)
    assert (cols.min(), cols.max()) == (50, 129)
    assert len(rows) == 30 * 80


def test_a_box_across_the_antimeridian_on_a_projected_grid() -> None:
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:32760", always_xy=True).transform(180, -16.5)
    geobox = GeoBox((200, 200), Affine(10, 0, x - 1000, 0, -10, y + 1000), "EPSG:32760")
    area = area_of_interest("179.995,-16.505,-179.995,-16.495").on(geobox)
    lon, lat = centres_lonlat(geobox)
    expected = (np.abs(lon) >= 179.995) & (np.abs(lat + 16.5) <= 0.005)
    assert (whole(area, geobox) != expected).sum() <= 3


def test_the_cap_around_a_pole_is_an_area() -> None:
    geobox = GeoBox((200, 200), Affine(1000, 0, -100_000, 0, -1000, 100_000), "EPSG:3031")
    area = area_of_interest("-180,-90,180,-89.5").on(geobox)
    _, lat = centres_lonlat(geobox)
    assert (whole(area, geobox) != (lat <= -89.5)).mean() < 0.01


@pytest.mark.parametrize("text", ["10,40,11,41", "-92.2,22.3,-92.1,22.4", "92.1,-22.4,92.2,-22.3"])
def test_an_area_outside_is_refused_with_the_extent_of_the_scene(text: str) -> None:
    with pytest.raises(AreaError, match=r"does not overlap the scene, which spans 92\.0"):
        area_of_interest(text).on(DEGREES)


def test_an_area_is_refused_for_a_scene_without_a_crs() -> None:
    with pytest.raises(AreaError, match="needs an image with a CRS"):
        area_of_interest("92,22,93,23").on(GeoBox((10, 10), Affine.scale(10), None))


WRONG_BOXES = (
    *("1,2,3", "1,2,3,4,5", "a,b,c,d", "nan,1,2,3", "1,nan,2,3", "inf,0,1,1"),
    *("10,5,11,4", "10,5,10,6", "200,0,210,1", "0,-91,1,0", "0,5,1,5"),
)


@pytest.mark.parametrize("text", ["", "here", "[1, 2], " * 200, *WRONG_BOXES])
def test_invalid_areas_are_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AreaError):
        area_of_interest(text)


def test_files_without_an_area_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("somewhere")
    (tmp_path / "broken.geojson").write_text('{"type": "FeatureCollection", "features": [')
    (tmp_path / "empty.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    gpd.GeoSeries([shapely.Point(92, 22)], crs="EPSG:4326").to_file(tmp_path / "point.gpkg")
    gpd.GeoSeries([shapely.Polygon()], crs="EPSG:4326").to_file(tmp_path / "nothing.gpkg")
    for name in ("notes.txt", "broken.geojson", "empty.geojson", "table.csv", "point.gpkg", "nothing.gpkg", "."):
        with pytest.raises(AreaError):
            area_of_interest(str(tmp_path / name))


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_a_file_without_a_crs_is_refused(tmp_path: Path) -> None:
    gpd.GeoSeries([shapely.box(0, 0, 1, 1)]).to_file(tmp_path / "nowhere.gpkg")
    with pytest.raises(AreaError, match="has no CRS"):
        area_of_interest(str(tmp_path / "nowhere.gpkg"))
