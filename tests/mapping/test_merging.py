"""Properties of merged inventories: identity, order, parts of a scene, the same ground twice, other CRSs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pystac
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from landslip.errors import OutputError, ReferenceDataError, SettingsError
from landslip.mapping.area import AreaOfInterest
from landslip.mapping.inventory.attributes import COLUMNS
from landslip.mapping.job import MapSettings
from landslip.mapping.merging.duplicates import group_duplicates
from landslip.mapping.merging.inventory import merge_inventories
from landslip.mapping.merging.merge import to_crs
from landslip.mapping.run import map_scene
from landslip.scenes.rasters import open_scene
from rasters import UTM
from scenes_made import blobs, memory_scene, scene_file
from tiny_detectors import brightness

SETTINGS = MapSettings(threads=1, min_area_m2=0)
DETECTOR = brightness()
VALUES = blobs(90, 100, seed=1)
LEFT, TOP, RIGHT, BOTTOM = 500_000, 2_500_000, 501_000, 2_499_100


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Maps of one scene as a whole, of two halves of it, and of another date of the same ground."""
    folder = tmp_path_factory.mktemp("maps")
    (folder / "first").mkdir()
    (folder / "second").mkdir()
    first = scene_file(folder / "first", VALUES, tags={"ACQUISITIONDATETIME": "2023-01-01T00:00:00Z"})
    moved = np.clip(VALUES * 1.02, 1, 9000).astype(np.uint16)
    second = scene_file(folder / "second", moved, tags={"ACQUISITIONDATETIME": "2024-06-05T00:00:00Z"})
    cut = LEFT + 470
    areas = {"whole": None, "left": (LEFT, BOTTOM, cut, TOP), "right": (cut, BOTTOM, RIGHT, TOP)}
    made = {name: folder / "out" / name for name in (*areas, "later")}
    for name, box in areas.items():
        aoi = None if box is None else AreaOfInterest(name, shapely.box(*box), CRS.from_user_input(UTM))
        map_scene(open_scene(first), DETECTOR, made[name], SETTINGS, aoi=aoi)
    map_scene(open_scene(second), DETECTOR, made["later"], SETTINGS)
    return made


def landslides_of(folder: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(folder / "landslides.gpkg", layer="landslides")


def assert_same(one: gpd.GeoDataFrame, other: gpd.GeoDataFrame) -> None:
    assert one.drop(columns="geometry").equals(other.drop(columns="geometry"))
    assert (one.geometry.to_wkb() == other.geometry.to_wkb()).all()
    assert one.crs == other.crs


def test_merging_one_map_is_the_identity(maps: dict[str, Path], tmp_path: Path) -> None:
    merged = merge_inventories([maps["whole"]], tmp_path / "one").landslides
    assert len(merged) > 5
    assert_same(merged[[*COLUMNS, "geometry"]], landslides_of(maps["whole"]))
    assert set(merged["sources"]) == {"whole"}
    assert set(merged["n_maps"]) == {1}
    assert set(merged["date_first"]) == set(merged["date_last"]) == {"2023-01-01"}


def test_order_and_repetition_of_maps_do_not_matter(maps: dict[str, Path], tmp_path: Path) -> None:
    names = ("left", "right", "later")
    one = merge_inventories([maps[name] for name in names], tmp_path / "one").landslides
    again = [maps[name] for name in reversed(names)] + [maps["left"]]
    other = merge_inventories(again, tmp_path / "other").landslides
    assert_same(one, other)


def test_the_same_map_twice_gives_the_same_inventory(maps: dict[str, Path], tmp_path: Path) -> None:
    again = tmp_path / "again" / "copy"
    map_scene(open_scene(maps["whole"].parents[1] / "first" / "scene.tif"), DETECTOR, again, SETTINGS)
    one = merge_inventories([maps["whole"]], tmp_path / "one").landslides
    both = merge_inventories([maps["whole"], again], tmp_path / "both").landslides
    assert (one.geometry.to_wkb() == both.geometry.to_wkb()).all()
    assert one[[*COLUMNS]].equals(both[[*COLUMNS]])


def test_a_scene_mapped_twice_by_other_settings_gives_the_same_outlines(maps: dict[str, Path], tmp_path: Path) -> None:
    scene = memory_scene(VALUES)
    folders = [tmp_path / "maps" / name for name in ("a", "b")]
    for folder in folders:
        map_scene(scene, DETECTOR, folder, SETTINGS)
    both = merge_inventories([tmp_path / "maps"], tmp_path / "both")
    whole = landslides_of(maps["whole"])
    assert (both.landslides.geometry.to_wkb() == whole.geometry.to_wkb()).all()
    np.testing.assert_allclose(both.landslides["area_m2"], whole["area_m2"], rtol=1e-9)
    np.testing.assert_allclose(both.landslides["length_m"], whole["length_m"], rtol=1e-4)
    assert set(both.landslides["sources"]) == {"a, b"}
    assert both.record.merged == len(whole)


def test_two_halves_give_the_landslides_of_the_whole(maps: dict[str, Path], tmp_path: Path) -> None:
    whole = landslides_of(maps["whole"])
    halves = merge_inventories([maps["left"], maps["right"]], tmp_path / "halves").landslides
    assert len(landslides_of(maps["left"])) + len(landslides_of(maps["right"])) > len(whole), "the border cuts some"
    assert len(halves) == len(whole)
    assert (halves["n_maps"] > 1).any()
    for outline in halves.geometry:
        (same,) = [one for one in whole.geometry if one.intersects(outline)]
        assert same.symmetric_difference(outline).area == pytest.approx(0, abs=1e-6)
    for name in ("area_m2", "probability_mean", "probability_max"):
        np.testing.assert_allclose(sorted(halves[name]), sorted(whole[name]), rtol=1e-3)


def test_dates_and_the_number_of_maps_are_kept(maps: dict[str, Path], tmp_path: Path) -> None:
    merged = merge_inventories([maps["whole"], maps["later"]], tmp_path / "both").landslides
    both = merged[merged["n_maps"] == 2]
    assert len(both) > 3
    assert set(both["date_first"]) == {"2023-01-01"}
    assert set(both["date_last"]) == {"2024-06-05"}
    assert set(both["sources"]) == {"whole, later"}


def test_observed_ground_is_kept_apart_from_ground_without_landslides(tmp_path: Path) -> None:
    valid = np.ones((90, 100), bool)
    valid[:, :30] = False
    map_scene(memory_scene(VALUES, observed=valid), DETECTOR, tmp_path / "map", SETTINGS)
    merge_inventories([tmp_path / "map"], tmp_path / "merged")
    observed = gpd.read_file(tmp_path / "merged" / "landslides.gpkg", layer="observed")
    assert observed.geometry[0].equals(shapely.box(LEFT + 300, BOTTOM, RIGHT, TOP))
    assert observed["valid_area_m2"][0] == pytest.approx(70 * 90 * 100, rel=0.005)


def test_maps_in_several_crs_are_merged_in_longitude_and_latitude(maps: dict[str, Path], tmp_path: Path) -> None:
    """The same ground in the neighbouring UTM zone, by pixels that are turned by half a degree."""
    corner = gpd.GeoSeries([shapely.Point(LEFT, TOP)], crs=UTM).to_crs("EPSG:32645")[0]
    there = memory_scene(VALUES, transform=Affine(10, 0, corner.x, 0, -10, corner.y), crs="EPSG:32645")
    map_scene(there, DETECTOR, tmp_path / "zone-45", SETTINGS)
    merged = merge_inventories([maps["whole"], tmp_path / "zone-45"], tmp_path / "merged").landslides
    assert merged.crs == "EPSG:4326"
    assert merged.geometry.is_valid.all()
    assert (merged["n_maps"] == 2).any()
    alone = landslides_of(maps["whole"]).to_crs("EPSG:4326")
    united = shapely.union_all(merged.geometry).buffer(1e-9)
    assert united.covers(shapely.union_all(alone.geometry))


def test_the_collection_is_valid_stac_and_leads_to_the_maps(
    maps: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge_inventories([maps["whole"], maps["later"]], tmp_path / "both")
    collection = pystac.Collection.from_file(str(tmp_path / "both" / "collection.json"))
    assert {item.properties["landslip:detector"] for item in collection.get_items()} == {"brightness"}
    assert len(list(collection.get_items())) == 2
    assert [date.isoformat() for date in collection.extent.temporal.intervals[0]] == [
        "2023-01-01T00:00:00+00:00",
        "2024-06-05T00:00:00+00:00",
    ]
    for asset in collection.assets.values():
        assert Path(asset.get_absolute_href()).is_file()
    west, south, east, north = collection.extent.spatial.bboxes[0]
    assert west < 93.005 < east
    assert south < 22.603 < north


def test_both_formats_hold_the_same_rows_and_single_files_too(maps: dict[str, Path], tmp_path: Path) -> None:
    inventory = merge_inventories([maps["whole"], maps["later"]], tmp_path / "both")
    parquet = gpd.read_parquet(tmp_path / "both" / "landslides.parquet")
    assert_same(parquet, inventory.landslides[parquet.columns])
    for name in ("one.gpkg", "one.parquet"):
        assert_same(merge_inventories([maps["whole"], maps["later"]], tmp_path / name).landslides, inventory.landslides)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["both", "one.gpkg", "one.parquet"]
    record = json.loads((tmp_path / "both" / "inventory.json").read_text())
    assert record["maps"] == ["whole", "later"]
    assert record["landslides"] == len(parquet)


def test_small_landslides_are_left_out_after_joining(maps: dict[str, Path], tmp_path: Path) -> None:
    everything = merge_inventories([maps["left"], maps["right"]], tmp_path / "all").landslides
    limit = float(everything["area_m2"].median())
    some = merge_inventories([maps["left"], maps["right"]], tmp_path / "some", min_area_m2=limit).landslides
    assert sorted(some["area_m2"]) == sorted(area for area in everything["area_m2"] if area >= limit)
    assert some["id"].tolist() == list(range(1, len(some) + 1))


@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_a_fraction_outside_0_to_1_is_refused(maps: dict[str, Path], tmp_path: Path, value: float) -> None:
    with pytest.raises(SettingsError, match="min_overlap must be above 0"):
        merge_inventories([maps["whole"]], tmp_path / "out", min_overlap=value)
    assert not (tmp_path / "out").exists()


def test_what_is_no_map_or_has_no_place_is_refused(maps: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReferenceDataError, match="holds no finished landslide map"):
        merge_inventories([tmp_path / "empty"], tmp_path / "out")
    pixels = memory_scene(VALUES, transform=Affine.scale(10), crs=None)
    map_scene(pixels, DETECTOR, tmp_path / "pixels", SETTINGS)
    with pytest.raises(ReferenceDataError, match="has no CRS"):
        merge_inventories([maps["whole"], tmp_path / "pixels"], tmp_path / "out")
    (tmp_path / "full.gpkg").write_text("of the user")
    for out in (tmp_path / "full.gpkg", tmp_path / "pixels"):
        with pytest.raises(OutputError, match="exists"):
            merge_inventories([maps["whole"]], out)
    assert (tmp_path / "full.gpkg").read_text() == "of the user"


def test_empty_maps_merge_to_an_empty_inventory(tmp_path: Path) -> None:
    even, none = memory_scene(np.full((3, 40, 40), 700, np.uint16)), MapSettings(threads=1, threshold=0.9)
    for name in ("a", "b"):
        map_scene(even, DETECTOR, tmp_path / "maps" / name, none)
    inventory = merge_inventories([tmp_path / "maps"], tmp_path / "out")
    assert len(inventory.landslides) == inventory.record.landslides == 0


def test_outlines_across_the_antimeridian_are_split() -> None:
    outline = shapely.MultiPolygon([shapely.box(820_000, 0, 840_000, 20_000)])
    (split,) = to_crs(np.array([outline], object), CRS.from_epsg(32660), CRS.from_epsg(4326))
    assert len(split.geoms) == 2
    assert split.is_valid
    assert {round(part.bounds[0]) for part in split.geoms} == {-180, 180}


BOXES = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(1, 5), st.integers(1, 5), st.integers(0, 3)),
    max_size=25,
)


@given(BOXES, st.sampled_from([0.05, 0.25, 0.5, 1.0]), st.randoms())
def test_groups_do_not_depend_on_the_order_of_polygons(
    boxes: list[tuple[int, ...]], fraction: float, random: Any
) -> None:
    outlines = np.array([shapely.box(x, y, x + w, y + h) for x, y, w, h, _ in boxes], object)
    owners = np.array([owner for *_, owner in boxes], int)
    groups = group_duplicates(outlines, owners, min_overlap=fraction)
    order = list(range(len(boxes)))
    random.shuffle(order)
    again = group_duplicates(outlines[order], owners[order], min_overlap=fraction)
    assert _partition(groups, range(len(boxes))) == _partition(again, order)
    assert groups.tolist() == _by_definition(list(outlines), owners.tolist(), fraction)


def _partition(groups: Any, names: Any) -> set[frozenset[int]]:
    return {frozenset(name for name, of in zip(names, groups, strict=True) if of == group) for group in set(groups)}


def _by_definition(outlines: list[BaseGeometry], owners: list[int], fraction: float) -> list[int]:
    """Spread numbers over overlapping pairs until nothing changes."""
    same: Callable[[int, int], bool] = lambda i, j: (  # noqa: E731
        owners[i] != owners[j]
        and outlines[i].intersects(outlines[j])
        and outlines[i].intersection(outlines[j]).area >= fraction * min(outlines[i].area, outlines[j].area)
    )
    numbers = list(range(len(outlines)))
    changed = True
    while changed:
        changed = False
        for i in range(len(outlines)):
            for j in range(len(outlines)):
                if numbers[i] != numbers[j] and same(i, j):
                    numbers[i] = numbers[j] = min(numbers[i], numbers[j])
                    changed = True
    order = list(dict.fromkeys(numbers))
    return [order.index(number) for number in numbers]
