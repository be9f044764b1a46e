"""Areas and lengths on any grid, within 0.5 % of values computed another way."""

import math

import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer

from landslip.errors import SceneError
from landslip.grid.map_grid import MapGrid, footprint_lonlat
from landslip.grid.window import Window
from landslip.mapping.inventory.attributes import landslide_table
from landslip.mapping.inventory.outlines import Outline
from landslip.mapping.inventory.rings import Polygons
from tiny_detectors import card

_A, _F = 6_378_137.0, 1 / 298.257223563
_E2 = _F * (2 - _F)

ANY_CARD = card("any", ["B04"])


def authalic(lat_deg: float) -> float:
    """Area in m2 from the equator to a parallel on WGS 84, a radian of longitude wide (Snyder 1987, 3-12)."""
    s, e = math.sin(math.radians(lat_deg)), math.sqrt(_E2)
    return _A**2 * (1 - _E2) / 2 * (s / (1 - _E2 * s * s) + math.atanh(e * s) / e)


def area_between_m2(west: float, south: float, east: float, north: float) -> float:
    """Area of a field bounded by meridians and parallels, from the closed formula of the ellipsoid."""
    return math.radians(east - west) * (authalic(north) - authalic(south))


def equal_area_m2(pixels: shapely.Polygon, grid: MapGrid) -> float:
    """Area in Lambert's azimuthal projection around the place itself, every side cut finely."""
    fine = shapely.segmentize(pixels, pixels.length / 2000)
    lon, lat = grid.to_lonlat(np.array([pixels.centroid.coords[0]]))[0]
    local = CRS.from_proj4(f"+proj=laea +lat_0={lat} +lon_0={lon} +datum=WGS84")
    project = Transformer.from_crs(grid.crs, local, always_xy=True)
    ring = shapely.transform(fine, lambda xy: np.column_stack(project.transform(*grid.to_crs(xy).T)))
    return float(ring.area)


def grid_of(crs: str | None, transform: Affine, height: int, width: int) -> MapGrid:
    return MapGrid.of(GeoBox((height, width), transform, crs), Window(0, 0, height, width))


def told_of(grid: MapGrid, *pixels: shapely.Polygon) -> dict[str, float]:
    """The attributes of a landslide of these pixels."""
    lines, polygon = shapely.get_rings(pixels, return_index=True)
    rings = [shapely.get_coordinates(line)[:-1].astype(np.int32) for line in lines]
    sizes, exterior = np.array([len(ring) for ring in rings]), np.diff(polygon, prepend=-1) > 0
    polygons = Polygons(np.concatenate(rings), sizes, exterior, np.zeros(len(sizes), np.intp))
    outline = Outline(polygons, round(sum(polygon.area for polygon in pixels)), 0.75, 0.9, (0, 0), None)
    return landslide_table([outline], grid, ANY_CARD, None, 1).iloc[0].to_dict()


@pytest.mark.parametrize("lat", [0, 23.5, -45, 60, 75, 84, -89])
@pytest.mark.parametrize("size", [3, 40, 400])
def test_a_square_in_degrees(lat: float, size: int) -> None:
    step = 1e-4
    grid = grid_of("EPSG:4326", Affine(step, 0, 92, 0, -step, lat), 500, 500)
    told = told_of(grid, shapely.box(10, 20, 10 + size, 20 + size))
    truth = area_between_m2(92, lat - (20 + size) * step, 92 + size * step, lat - 20 * step)
    assert told["area_m2"] == pytest.approx(truth, rel=0.0005)


def test_a_coarse_square_in_degrees() -> None:
    grid = grid_of("EPSG:4326", Affine(0.5, 0, 0, 0, -0.5, 70), 60, 60)
    told = told_of(grid, shapely.box(0, 0, 40, 40))
    assert told["area_m2"] == pytest.approx(area_between_m2(0, 50, 20, 70), rel=0.005)


@pytest.mark.parametrize(
    ("crs", "west", "north"),
    [
        ("EPSG:32646", 400_000, 2_500_000),
        ("EPSG:32646", 790_000, 2_500_000),
        ("EPSG:32733", 500_000, 6_200_000),
        ("EPSG:32632", 300_000, 9_200_000),
        ("EPSG:3857", 10_000_000, 9_000_000),
        ("EPSG:3857", 0, 100_000),
        ("EPSG:2154", 700_000, 6_600_000),
        ("EPSG:5070", 0, 2_000_000),
        ("EPSG:3395", 0, 12_000_000),
    ],
)
def test_a_square_in_a_projection(crs: str, west: float, north: float) -> None:
    grid = grid_of(crs, Affine(10, 0, west, 0, -10, north), 1000, 1000)
    square = shapely.box(300, 400, 380, 480)
    told = told_of(grid, square)
    assert told["area_m2"] == pytest.approx(equal_area_m2(square, grid), rel=0.0005)


def test_a_square_in_utm_has_the_area_of_its_pixels() -> None:
    told = told_of(
        grid_of("EPSG:32646", Affine(10, 0, 400_000, 0, -10, 2_500_000), 100, 100), shapely.box(5, 5, 25, 25)
    )
    assert told["area_m2"] == pytest.approx(200 * 200, rel=0.005)
    assert told["perimeter_m"] == pytest.approx(800, rel=0.005)
    assert told["length_m"] == pytest.approx(200, rel=0.005)
    assert told["width_m"] == pytest.approx(200, rel=0.005)


def test_feet_are_not_metres() -> None:
    told = told_of(grid_of("EPSG:2263", Affine(10, 0, 980_000, 0, -10, 200_000), 100, 100), shapely.box(0, 0, 100, 100))
    assert told["area_m2"] == pytest.approx((1000 * 0.3048) ** 2, rel=0.005)


@pytest.mark.parametrize("west", [179.99, -180.01, 539.99])
def test_a_square_across_the_antimeridian_in_degrees(west: float) -> None:
    step = 1e-4
    grid = grid_of("EPSG:4326", Affine(step, 0, west, 0, -step, -16), 300, 300)
    told = told_of(grid, shapely.box(50, 50, 250, 250))
    assert told["area_m2"] == pytest.approx(area_between_m2(0, -16 - 0.025, 0.02, -16 - 0.005), rel=0.0005)
    assert told["length_m"] == pytest.approx(2222, rel=0.01)
    assert -180 <= told["lon"] <= 180
    assert abs(told["lon"]) == pytest.approx(179.995, abs=0.006)


@pytest.mark.parametrize(("crs", "lon"), [("EPSG:32701", -180.0), ("EPSG:32760", 180.0), ("EPSG:3832", 180.0)])
def test_a_square_across_the_antimeridian_in_a_projection(crs: str, lon: float) -> None:
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, -16.5)
    grid = grid_of(crs, Affine(10, 0, x - 2000, 0, -10, y + 2000), 400, 400)
    square = shapely.box(100, 100, 300, 300)
    told = told_of(grid, square)
    assert told["area_m2"] == pytest.approx(equal_area_m2(square, grid), rel=0.0005)
    assert told["perimeter_m"] < 9000
    bbox, outline = footprint_lonlat(grid)
    west, _, east, _ = bbox
    assert west > 179 > -179 > east, "west is the larger across the antimeridian (RFC 7946, 5.2)"
    assert outline.geom_type == "MultiPolygon"
    assert outline.bounds[0] >= -180
    assert outline.bounds[2] <= 180


@pytest.mark.parametrize("crs", ["EPSG:3031", "EPSG:3995", "EPSG:6931"])
@pytest.mark.parametrize("corner", [(-2000, 2000), (900_000, 1_200_000), (-1_500_000, 3000)], ids=str)
def test_a_square_in_a_polar_projection(crs: str, corner: tuple[float, float]) -> None:
    grid = grid_of(crs, Affine(10, 0, corner[0], 0, -10, corner[1]), 400, 400)
    for square in (shapely.box(50, 50, 350, 350), shapely.box(0, 0, 400, 400), shapely.box(190, 190, 210, 210)):
        told = told_of(grid, square)
        assert told["area_m2"] == pytest.approx(equal_area_m2(square, grid), rel=0.0005)


def test_a_lake_around_the_pole_is_taken_out() -> None:
    grid = grid_of("EPSG:3031", Affine(10, 0, -2000, 0, -10, 2000), 400, 400)
    ring = shapely.box(100, 100, 300, 300).difference(shapely.box(150, 150, 250, 250))
    truth = equal_area_m2(shapely.box(100, 100, 300, 300), grid) * 3 / 4
    assert told_of(grid, ring)["area_m2"] == pytest.approx(truth, rel=0.0005)


def test_the_footprint_around_a_pole_is_its_cap() -> None:
    bbox, outline = footprint_lonlat(grid_of("EPSG:3031", Affine(100, 0, -20_000, 0, -100, 20_000), 400, 400))
    assert bbox[0] == -180
    assert bbox[2] == 180
    assert bbox[1] == -90
    assert outline.contains(shapely.box(-179, -89.99, 179, -89.9))


@pytest.mark.parametrize(
    "transform",
    [
        Affine(8, 6, 400_000, 6, -8, 2_500_000),
        Affine(10, 0, 400_000, 0, 10, 2_500_000),
        Affine(-10, 0, 400_000, 0, 10, 2_500_000),
        Affine(0, 10, 400_000, 10, 0, 2_500_000),
        Affine(6, -8, 400_000, 8, 6, 2_500_000),
    ],
    ids=["rotated", "south-up", "half-turned", "transposed", "rotated south-up"],
)
def test_rotated_and_mirrored_grids_change_nothing(transform: Affine) -> None:
    told = told_of(grid_of("EPSG:32646", transform, 200, 200), shapely.box(20, 30, 60, 40))
    assert told["area_m2"] == pytest.approx(400 * 100, rel=0.005)
    assert told["perimeter_m"] == pytest.approx(1000, rel=0.005)
    assert told["length_m"] == pytest.approx(400, rel=0.005)
    assert told["width_m"] == pytest.approx(100, rel=0.005)


@pytest.mark.parametrize("lat", [0, 45, 70])
def test_length_and_width_of_a_rectangle_in_degrees(lat: float) -> None:
    """Pixels are narrow up there; metres are not."""
    step = 1e-4
    told = told_of(grid_of("EPSG:4326", Affine(step, 0, 10, 0, -step, lat), 300, 300), shapely.box(0, 0, 200, 10))
    along = (
        math.radians(200 * step)
        * _A
        * math.cos(math.radians(lat))
        / math.sqrt(1 - _E2 * math.sin(math.radians(lat)) ** 2)
    )
    across = told["area_m2"] / along
    assert told["length_m"] == pytest.approx(max(along, across), rel=0.005)
    assert told["width_m"] == pytest.approx(min(along, across), rel=0.005)


def test_an_image_without_a_crs_is_measured_by_its_pixel_size() -> None:
    told = told_of(grid_of(None, Affine.scale(2.5), 100, 100), shapely.box(10, 10, 30, 50))
    assert told["area_m2"] == pytest.approx(50 * 100)
    assert told["perimeter_m"] == pytest.approx(300)
    assert told["length_m"] == pytest.approx(100)
    assert told["width_m"] == pytest.approx(50)
    assert np.isnan(told["lon"])
    assert told["geometry"].bounds == (10, 10, 30, 50)
    assert footprint_lonlat(grid_of(None, Affine.scale(2.5), 100, 100)) == (None, None)


def test_the_grid_of_a_window_is_part_of_the_grid_of_the_scene() -> None:
    geobox = GeoBox((300, 400), Affine(8, 6, 400_000, 6, -8, 2_500_000), "EPSG:32646")
    whole, part = MapGrid.of(geobox, Window(0, 0, 300, 400)), MapGrid.of(geobox, Window(100, 50, 20, 30))
    here, there = np.array([[3.0, 4.0]]), np.array([[53.0, 104.0]])
    np.testing.assert_allclose(part.to_crs(here), whole.to_crs(there))
    np.testing.assert_allclose(part.to_lonlat(here), whole.to_lonlat(there))


def test_the_pixels_of_a_grid_add_up_to_its_area() -> None:
    grid = grid_of("EPSG:4326", Affine(0.01, 0, 30, 0, -0.01, 60), 100, 100)
    rows, cols = np.mgrid[:100, :100] + 0.5
    total = grid.pixel_area_m2(np.column_stack([cols.ravel(), rows.ravel()])).sum()
    assert total == pytest.approx(area_between_m2(30, 59, 31, 60), rel=1e-4)


def test_a_crs_without_longitude_and_latitude_is_refused() -> None:
    local = 'LOCAL_CS["a quarry",UNIT["metre",1]]'
    with pytest.raises(SceneError, match="pixel_size_m"):
        grid_of(local, Affine(10, 0, 0, 0, -10, 0), 10, 10)


@pytest.mark.parametrize(
    ("crs", "size_m", "where"),
    [
        ("EPSG:32646", 40_000, "a corner"),
        ("+proj=ortho +lat_0=20 +lon_0=90", 20_000, "a corner"),
        ("+proj=ortho +lat_0=20 +lon_0=90", 1e9, "the centre"),
        ("EPSG:32646", 1e12, "the centre"),
    ],
)
def test_a_scene_that_reaches_beyond_the_earth_is_refused(crs: str, size_m: float, where: str) -> None:
    left, top = (5e5 - 500 * size_m, 2.5e6 + 500 * size_m) if where == "a corner" else (1e7, 1e7)
    with pytest.raises(SceneError, match=where):
        grid_of(crs, Affine(size_m, 0, left, 0, -size_m, top), 1000, 1000)


def test_positions_outside_a_projection_are_not_a_number() -> None:
    grid = grid_of("EPSG:32646", Affine(10, 0, 5e5, 0, -10, 2.5e6), 100, 100)
    lonlat = grid.to_lonlat(np.array([[50.0, 50.0], [1e12, 50.0]]))
    assert np.isfinite(lonlat[0]).all()
    assert np.isnan(lonlat[1]).all()
