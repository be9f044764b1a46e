"""The inventory as files: both hold the same, nothing of it is lost, and an empty one is as valid as a full one."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pyarrow.parquet
import pyogrio
import pytest
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslip.detector.card import Confidence
from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.mapping.inventory.attributes import COLUMNS, polygon_confidence
from landslip.mapping.inventory.files import LAYER, chunks, read_geopackage, read_largest, write_geoparquet
from landslip.mapping.inventory.find import Found, find_landslides
from landslip.mapping.inventory.terrain_attributes import terrain_reader
from landslip.mapping.job import MapSettings
from landslip.probability import NODATA
from landslip.scenes.scene import Scene
from scenes_made import memory_scene
from tiny_detectors import card

UTM_GRID = Affine(10, 0, 400_000, 0, -10, 2_500_000)


def grid_of(shape: tuple[int, int], crs: str | None = "EPSG:32646", transform: Affine = UTM_GRID) -> MapGrid:
    return MapGrid.of(GeoBox(shape, transform, crs), Window(0, 0, *shape))


def in_strips(encoded: NDArray[np.uint8], height: int = 50) -> Iterable[tuple[Window, NDArray[np.uint8]]]:
    for row in range(0, len(encoded), height):
        strip = encoded[row : row + height]
        yield Window(row, 0, *strip.shape), strip


def inventory(
    folder: Path,
    encoded: NDArray[np.uint8],
    grid: MapGrid,
    *,
    min_area_m2: float = 0,
    scene: Scene | None = None,
    region: Window | None = None,
    date: datetime | None = datetime(2020, 2, 19, 11, 22, tzinfo=UTC),
) -> Found:
    """Both files, from what finding needs to know of a job."""
    scene = scene or memory_scene(np.zeros((1, *encoded.shape)), ("B04",), transform=UTM_GRID)
    job = SimpleNamespace(
        detector=SimpleNamespace(card=card("any", ["B04"])),
        grid=grid,
        threshold=0.5,
        settings=SimpleNamespace(min_area_m2=min_area_m2),
        scene=replace(scene, date=date),
        region=region or scene.window,
    )
    found = find_landslides(job, iter(in_strips(encoded)), folder / "l.gpkg")
    write_geoparquet(folder / "l.parquet", folder / "l.gpkg")
    return found


def some_levels(shape: tuple[int, int] = (200, 160)) -> NDArray[np.uint8]:
    random = np.random.default_rng(5)
    return np.where(random.random(shape) < 0.2, random.integers(125, 251, shape), 3).astype(np.uint8)


@pytest.mark.parametrize("crs", ["EPSG:32646", "EPSG:4326", "EPSG:3031", None], ids=str)
def test_both_files_hold_the_same(tmp_path: Path, crs: str | None) -> None:
    degrees = Affine(1e-4, 0, 92, 0, -1e-4, 22)
    transform = {"EPSG:4326": degrees, None: Affine.scale(10)}.get(crs, UTM_GRID)
    found = inventory(tmp_path, some_levels(), grid_of((200, 160), crs, transform))
    one, other = gpd.read_file(tmp_path / "l.gpkg", layer=LAYER), gpd.read_parquet(tmp_path / "l.parquet")
    assert len(one) == len(other) == len(found.areas_m2) > 100
    assert list(one.columns) == list(other.columns) == [*COLUMNS, "geometry"]
    assert one.crs == other.crs
    assert (one.crs is None) == (crs is None)
    if crs:
        assert one.crs.to_epsg() == int(crs.split(":")[1])
    assert (one.geometry.to_wkb() == other.geometry.to_wkb()).all()
    for name in COLUMNS:
        mine, theirs = one[name].to_numpy(), other[name].to_numpy()
        same = (mine == theirs) | (one[name].isna().to_numpy() & other[name].isna().to_numpy())
        assert same.all(), name
    np.testing.assert_array_equal(one["area_m2"], found.areas_m2)


def test_types_and_values_are_those_of_the_columns(tmp_path: Path) -> None:
    inventory(tmp_path, some_levels(), grid_of((200, 160)))
    table = gpd.read_file(tmp_path / "l.gpkg")
    assert table["id"].tolist() == list(range(1, len(table) + 1))
    assert set(table.geom_type) == {"MultiPolygon"}
    assert table.is_valid.all()
    assert pyogrio.read_info(tmp_path / "l.gpkg", layer=LAYER)["geometry_type"] == "MultiPolygon"
    assert (table["image_date"] == "2020-02-19").all()
    assert (table["detector"] == "any").all()
    assert (table["probability_max"] >= table["probability_mean"]).all()
    assert table["probability_mean"].between(0.5, 1).all()
    assert (table["length_m"] >= table["width_m"]).all()
    assert (table["area_m2"] <= table["length_m"] * table["width_m"] * 1.001).all()
    for name in ("elevation_min_m", "slope_mean_deg", "aspect_deg"):
        assert table[name].isna().all(), "what is not known is null"


def test_an_unknown_date_is_null(tmp_path: Path) -> None:
    inventory(tmp_path, some_levels((20, 20)), grid_of((20, 20)), date=None)
    for table in (gpd.read_file(tmp_path / "l.gpkg"), gpd.read_parquet(tmp_path / "l.parquet")):
        assert table["image_date"].isna().all()


def test_the_geoparquet_has_its_metadata(tmp_path: Path) -> None:
    inventory(tmp_path, some_levels(), grid_of((200, 160)))
    geo = json.loads(pyarrow.parquet.read_metadata(tmp_path / "l.parquet").metadata[b"geo"])
    assert geo["version"] == "1.1.0"
    assert geo["primary_column"] == "geometry"
    column = geo["columns"]["geometry"]
    assert column["encoding"] == "WKB"
    assert column["geometry_types"] == ["MultiPolygon"]
    assert column["crs"]["id"] == {"authority": "EPSG", "code": 32646}
    np.testing.assert_allclose(column["bbox"], gpd.read_file(tmp_path / "l.gpkg").total_bounds)


def test_the_geoparquet_of_an_image_without_a_crs_has_a_null_crs(tmp_path: Path) -> None:
    inventory(tmp_path, some_levels((20, 20)), grid_of((20, 20), None, Affine.scale(10)))
    geo = json.loads(pyarrow.parquet.read_metadata(tmp_path / "l.parquet").metadata[b"geo"])
    assert "crs" in geo["columns"]["geometry"]
    assert geo["columns"]["geometry"]["crs"] is None


@pytest.mark.parametrize("value", [3, NODATA])
def test_an_empty_map_has_valid_files(tmp_path: Path, value: int) -> None:
    found = inventory(tmp_path, np.full((60, 70), value, np.uint8), grid_of((60, 70)))
    assert len(found.areas_m2) == 0
    assert found.valid_px == (60 * 70 if value == 3 else 0)
    for table in (gpd.read_file(tmp_path / "l.gpkg"), gpd.read_parquet(tmp_path / "l.parquet")):
        assert len(table) == 0
        assert table.crs.to_epsg() == 32646
        assert set(COLUMNS) < set(table.columns)
    assert len(read_largest(tmp_path / "l.gpkg", 5)) == 0


def test_small_landslides_are_left_out_by_their_geodesic_area(tmp_path: Path) -> None:
    encoded = np.full((40, 40), 3, np.uint8)
    encoded[2:4, 2:4] = 200  # 400 m2 on the grid
    encoded[10:13, 10:13] = 200
    encoded[20, 20] = 200
    grid = grid_of((40, 40))
    everything = inventory(tmp_path, encoded, grid).areas_m2
    (tmp_path / "l.gpkg").unlink()
    kept = inventory(tmp_path, encoded, grid, min_area_m2=float(sorted(everything)[1])).areas_m2
    assert len(everything) == 3
    assert sorted(kept) == sorted(everything)[1:]
    assert gpd.read_file(tmp_path / "l.gpkg")["id"].tolist() == [1, 2]


@pytest.mark.parametrize("north", [90, 89.999])
def test_no_landslide_is_lost_at_the_pole(tmp_path: Path, north: float) -> None:
    encoded = np.full((40, 40), 3, np.uint8)
    encoded[:3, 4:30] = 200
    grid = grid_of((40, 40), "EPSG:4326", Affine(1e-2, 0, 10, 0, -1e-4, north))
    assert len(inventory(tmp_path, encoded, grid).areas_m2) == 1


def test_valid_pixels_are_counted_with_their_area(tmp_path: Path) -> None:
    encoded = np.full((120, 700), 3, np.uint8)
    encoded[:, 300:] = NODATA
    encoded[0, 0] = 200
    found = inventory(tmp_path, encoded, grid_of((120, 700)))
    assert found.valid_px == 120 * 300
    assert found.valid_area_m2 == pytest.approx(120 * 300 * 100, rel=0.005)


def test_the_largest_come_first_and_ids_break_ties(tmp_path: Path) -> None:
    inventory(tmp_path, some_levels(), grid_of((200, 160)))
    table = gpd.read_file(tmp_path / "l.gpkg").sort_values(["area_m2", "id"], ascending=[False, True])
    assert read_largest(tmp_path / "l.gpkg", 7)["id"].tolist() == table["id"].tolist()[:7]


def test_chunks_hold_everything_once_and_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(chunks(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(chunks([], 3)) == []
    inventory(tmp_path, some_levels(), grid_of((200, 160)))
    whole = gpd.read_file(tmp_path / "l.gpkg")
    monkeypatch.setattr("landslip.mapping.inventory.files.CHUNK", 17)
    read = list(read_geopackage(tmp_path / "l.gpkg"))
    assert max(map(len, read)) == 17
    assert [one for table in read for one in table["id"]] == whole["id"].tolist()
    write_geoparquet(tmp_path / "again.parquet", tmp_path / "l.gpkg")
    assert gpd.read_parquet(tmp_path / "again.parquet").equals(gpd.read_parquet(tmp_path / "l.parquet"))


def test_confidence_is_that_of_the_card_or_the_mean_probability() -> None:
    probability, area_px = np.array([0.5, 0.9]), np.array([4.0, 1000.0])
    np.testing.assert_array_equal(polygon_confidence(None, probability, area_px), probability)
    fitted = Confidence(intercept=-3, probability_mean=5, log10_area_px=0.5, description="by hand")
    score = -3 + 5 * probability + 0.5 * np.log10(area_px)
    np.testing.assert_allclose(polygon_confidence(fitted, probability, area_px), 1 / (1 + np.exp(-score)))


def plane(transform: Affine, east: float, north: float, shape: tuple[int, int] = (60, 80)) -> Scene:
    """Ground that rises by so many metres a metre to the east and to the north."""
    cols, rows = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    x, y = transform.a * cols + transform.b * rows, transform.d * cols + transform.e * rows
    elevation = 5000 + east * x + north * y
    return memory_scene(elevation[None].astype(np.float32), ("elevation",), transform=transform)


@pytest.mark.parametrize(
    "transform",
    [UTM_GRID, Affine(10, 0, 5e5, 0, 10, 25e5), Affine(8, 6, 5e5, 6, -8, 25e5), Affine(-10, 0, 5e5, 0, 10, 25e5)],
    ids=["north-up", "south-up", "rotated", "rotated by half a turn"],
)
@pytest.mark.parametrize(
    ("east", "north", "slope_deg", "aspect_deg"),
    [(-1, 0, 45, 90), (1, 0, 45, 270), (0, -1, 45, 0), (0, 1, 45, 180), (-0.5, 0.5, 35.26, 135)],
)
def test_the_terrain_of_a_plane(
    tmp_path: Path, transform: Affine, east: float, north: float, slope_deg: float, aspect_deg: float
) -> None:
    scene = plane(transform, east, north)
    encoded = np.full((60, 80), 3, np.uint8)
    encoded[45:56, 20:61] = 200  # across two strips
    grid = MapGrid.of(scene.geobox, scene.window)
    inventory(tmp_path, encoded, grid, scene=scene)
    row = gpd.read_file(tmp_path / "l.gpkg").iloc[0]
    assert row["slope_mean_deg"] == pytest.approx(slope_deg, abs=0.3)
    assert row["slope_max_deg"] == pytest.approx(slope_deg, abs=0.3)
    # The grid's north is not quite north.
    assert abs((row["aspect_deg"] - aspect_deg + 180) % 360 - 180) < 1.5
    inside = scene.read(["elevation"], Window(45, 20, 11, 41))[0]
    assert row["elevation_min_m"] == inside.min()
    assert row["elevation_max_m"] == inside.max()
    assert row["relief_m"] == pytest.approx(float(np.ptp(inside)))


def test_terrain_is_read_from_the_mapped_region(tmp_path: Path) -> None:
    scene = plane(UTM_GRID, -1, 0)
    region = Window(10, 30, 20, 20)
    grid = MapGrid.of(scene.geobox, region)
    encoded = np.full((20, 20), 200, np.uint8)
    inventory(tmp_path, encoded, grid, scene=scene, region=region)
    row = gpd.read_file(tmp_path / "l.gpkg").iloc[0]
    inside = scene.read(["elevation"], region)[0]
    assert (row["elevation_min_m"], row["elevation_max_m"]) == (inside.min(), inside.max())


def test_a_slope_channel_has_priority_over_slope_from_elevation(tmp_path: Path) -> None:
    values = np.stack([np.full((20, 20), 30), np.tile(np.arange(20) * 10.0, (20, 1))]).astype(np.float32)
    scene = memory_scene(values, ("slope", "elevation"), transform=UTM_GRID)
    grid = MapGrid.of(scene.geobox, scene.window)
    inventory(tmp_path, np.full((20, 20), 200, np.uint8), grid, scene=scene)
    row = gpd.read_file(tmp_path / "l.gpkg").iloc[0]
    assert row["slope_mean_deg"] == 30
    assert row["relief_m"] == 190
    assert row["aspect_deg"] == pytest.approx(270, abs=1.5)


def test_a_scene_without_terrain_has_none() -> None:
    scene = memory_scene(np.full((3, 4, 4), 100, np.float32))
    assert terrain_reader(scene, scene.window, MapGrid.of(scene.geobox, scene.window)) is None


def test_a_polygon_across_the_antimeridian_is_not_split(tmp_path: Path) -> None:
    encoded = np.full((40, 40), 3, np.uint8)
    encoded[10:20, 5:35] = 200
    grid = grid_of((40, 40), "EPSG:4326", Affine(1e-4, 0, 179.998, 0, -1e-4, -16))
    inventory(tmp_path, encoded, grid)
    (shape,) = gpd.read_file(tmp_path / "l.gpkg").geometry
    assert shape.bounds == pytest.approx((179.9985, -16.002, 180.0015, -16.001))


@pytest.mark.parametrize(
    "easting", [166_000, 400_000, 500_000, 833_000], ids=["west edge", "between", "middle", "east edge"]
)
def test_the_scale_factor_of_a_projection_does_not_cut_objects_of_whole_pixels(tmp_path: Path, easting: int) -> None:
    """Four pixels of 10 m have 399.2 to 400.3 m2 in UTM: they reach the default minimum area, three do not."""
    encoded = np.zeros((60, 60), np.uint8)
    encoded[10:12, 10:12] = encoded[30, 10:14] = encoded[50, 10:13] = 250
    grid = grid_of((60, 60), transform=Affine(10, 0, easting, 0, -10, 2_500_000))
    found = inventory(tmp_path, encoded, grid, min_area_m2=MapSettings().min_area_m2)
    assert len(found.areas_m2) == 2
    np.testing.assert_allclose(found.areas_m2, 400, rtol=0.003)
