"""Which images are chosen, how tiles, zones and catalogues are combined, and that DN are the same from all of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from pyproj import Transformer

from catalogue_made import MadeImage, ground, write_elevation, write_image
from command_line import run
from landslip.scenes.catalogue.presets import Catalogue
from landslip.scenes.catalogue.request import FetchSettings, parse_day
from landslip.scenes.rasters import open_scene
from landslip.scenes.scene_record import SceneRecord, read_scene_record
from stac_server import stac_server

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
AREA = "141.745,42.745,141.765,42.757"
RED = ("B04",)
OLD = MadeImage(channels=RED)


def fetch_all(folder: Path, images: list[MadeImage], *options: object, area: str = AREA) -> Any:
    """Serve images, and fetch an area from them."""
    served = folder / "served"
    served.mkdir()
    with stac_server(served, [write_image(served, one) for one in images]) as server:
        return run(
            *("scene", "fetch", "--area", area, "--date", "2018-09-06", "-o", folder / "scene"),
            *("--catalogue", server.url, "--dem", "none", "--workers", 2, *options),
        )


def record_of(folder: Path) -> SceneRecord:
    record = read_scene_record(folder / "scene")
    assert record is not None
    return record


def red(folder: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The red channel of the fetched scene, and the DN of its places."""
    with rasterio.open(folder / "scene" / "B04.tif") as opened:
        values, transform, crs = opened.read(1), opened.transform, opened.crs
    cols, rows = np.meshgrid(np.arange(values.shape[1]) + 0.5, np.arange(values.shape[0]) + 0.5)
    x, y = transform.a * cols + transform.c, transform.e * rows + transform.f
    return values, ground(*Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y), "B04")


def day(date: str, **changes: Any) -> MadeImage:
    return MadeImage(**{"channels": RED, "name": f"S2A_54TWN_{date.replace('-', '')}_0_L2A", "day": date} | changes)


def test_a_cloud_cover_that_lies_is_not_believed(tmp_path: Path) -> None:
    lying = day("2018-09-08", stated_cloud=0.0, cloud=lambda col, row: col > -1)
    honest = day("2018-09-20", stated_cloud=80.0, cloud=lambda col, row: col > 0.9)
    told = fetch_all(tmp_path, [lying, honest])
    assert told.code == 0, told.err
    record = record_of(tmp_path)
    assert [one.name for one in record.sources] == [honest.name]
    (left,) = [one for one in record.passes if not one.chosen]
    assert left.images == (lying.name,) and left.clear_fraction == 0 and left.stated_cloud_percent == 0
    assert left.reason == "shows nothing of the area"
    values, expected = red(tmp_path)
    assert np.abs(values - expected).max() <= 0.51


def test_of_images_that_show_equally_much_the_nearest_is_chosen(tmp_path: Path) -> None:
    told = fetch_all(tmp_path, [day("2018-09-25"), day("2018-09-09"), day("2018-09-17")])
    assert told.code == 0, told.err
    assert [one.isoformat() for one in record_of(tmp_path).days] == ["2018-09-09"]


def test_days_are_combined_where_one_does_not_show_the_whole_area(tmp_path: Path) -> None:
    left = day("2018-09-08", cloud=lambda col, row: col >= 0.5)
    right = day("2018-09-18", cloud=lambda col, row: col < 0.45)
    told = fetch_all(tmp_path, [left, right])
    assert told.code == 0, told.err
    record = record_of(tmp_path)
    assert record.date is None and len(record.days) == 2 and record.clear_fraction > 0.99
    assert "images of several days are combined" in told.err
    values, expected = red(tmp_path)
    assert np.abs(values - expected).max() <= 0.51
    with rasterio.open(tmp_path / "scene" / "source.tif") as opened:
        source = opened.read(1)
    fractions = [one.pixels_fraction for one in record.sources]
    assert fractions == [float((source == number).mean()) for number in (1, 2)] and sum(fractions) == 1
    scene = open_scene(tmp_path / "scene")
    assert scene.date is None and any("combines images of 2018-09-08, 2018-09-18" in one for one in scene.warnings)
    told = run("scene", "inspect", tmp_path / "scene")
    assert told.code == 0 and "date      unknown" in told.out


def test_one_pass_only_leaves_the_cloud_in(tmp_path: Path) -> None:
    left = day("2018-09-08", cloud=lambda col, row: col >= 0.5)
    right = day("2018-09-18", cloud=lambda col, row: col < 0.45)
    told = fetch_all(tmp_path, [left, right], "--max-passes", "1")
    assert told.code == 0, told.err
    record = record_of(tmp_path)
    assert len(record.days) == 1 and record.clear_fraction < 0.8
    assert "of the area, the rest is cloud" in told.err
    values, _ = red(tmp_path)
    assert (values == 9000).any()


def test_tiles_of_one_pass_are_joined(tmp_path: Path) -> None:
    west = day("2018-09-10", name="S2A_54TWN_20180910_0_L2A", left=558_000.0)
    east = day("2018-09-10", name="S2A_54TXN_20180910_0_L2A", left=561_500.0, size_px=300)
    told = fetch_all(tmp_path, [west, east])
    assert told.code == 0, told.err
    record = record_of(tmp_path)
    assert len(record.passes) == 1 and len(record.sources) == 2 and record.date is not None
    values, expected = red(tmp_path)
    assert np.abs(values - expected).max() <= 0.51


def test_an_area_across_two_utm_zones(tmp_path: Path) -> None:
    # The edge of zones 54 and 55 is at 144 degrees east.
    west = day("2018-09-10", name="S2A_54TZN_20180910_0_L2A", left=741_600.0, top=4_741_600.0)
    east = day(
        "2018-09-10", name="S2A_55TBN_20180910_0_L2A", crs="EPSG:32655", left=254_300.0, top=4_742_000.0, size_px=500
    )
    told = fetch_all(tmp_path, [west, east], area="143.975,42.765,144.010,42.775")
    assert told.code == 0, told.err
    record = record_of(tmp_path)
    assert record.grid.crs == "EPSG:32654" and len(record.sources) == 2
    assert min(one.pixels_fraction for one in record.sources) > 0.1
    values, expected = red(tmp_path)
    assert (values > 0).all() and np.abs(values - expected).max() < 3


def test_an_area_across_the_antimeridian(tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    # Fiji: the western image is in zone 60 and reaches beyond 180 degrees, the eastern one is in zone 1.
    west = day("2018-09-10", name="S2A_60KXF_20180910_0_L2A", crs="EPSG:32760", left=817_500.0, top=8_141_000.0)
    east = day("2018-09-10", name="S2A_01KAB_20180910_0_L2A", crs="EPSG:32701", left=180_500.0, top=8_141_000.0)
    items = [write_image(served, one) for one in (west, east)]
    items += [write_elevation(served, "W", 179.8, -16.9), write_elevation(served, "E", -180.0, -16.9)]
    assert {one["geometry"]["type"] for one in items[:2]} >= {"MultiPolygon"}
    with stac_server(served, items) as server:
        told = run(
            *("scene", "fetch", "--area", "179.985,-16.815,-179.985,-16.800", "--date", "2018-09-06"),
            *("-o", tmp_path / "scene", "--catalogue", server.url, "--workers", 2),
        )
    assert told.code == 0, told.err
    record = record_of(tmp_path)
    assert record.grid.crs in ("EPSG:32701", "EPSG:32760") and 300 < record.grid.width < 340
    values, expected = red(tmp_path)
    assert (values > 0).all() and np.abs(values - expected).max() < 3
    with rasterio.open(tmp_path / "scene" / "elevation.tif") as opened:
        metres = opened.read(1)
    # 1,000 m at 17 degrees south, 1 m more for each thousandth of a degree.
    assert (metres > 1183).all() and (metres < 1202).all()
    told = run("map", tmp_path / "scene", "-o", tmp_path / "map", "--quiet", "--detector", "true-colour")
    assert told.code in (0, 2)


def test_one_scene_from_three_catalogues_has_the_same_dn(tmp_path: Path) -> None:
    """L2A before baseline 04.00; Earth Search with the offset removed; Planetary Computer and Copernicus with it."""
    from landslip.scenes.catalogue.area_grid import grid_of_area
    from landslip.scenes.catalogue.fetch import fetch_scene

    made = {
        "old": MadeImage(channels=RED),
        "earth-search": MadeImage(channels=RED, baseline="05.09"),
        "planetary-computer": MadeImage(
            channels=RED, baseline="05.09", offset_stored=True, provider="planetary-computer"
        ),
        "copernicus": MadeImage(
            channels=RED, baseline="05.11", offset_stored=True, provider="copernicus", ending="jp2"
        ),
        "level-1c": MadeImage(
            channels=RED, baseline="05.10", offset_stored=True, provider="copernicus", collection="sentinel-2-l1c",
            classified=False, ending="jp2",
        ),
    }  # fmt: skip
    import shapely

    area = shapely.box(*map(float, AREA.split(",")))
    results = {}
    for name, image in made.items():
        served = tmp_path / name
        served.mkdir()
        with stac_server(served, [write_image(served, image)]) as server:
            catalogue = Catalogue(name, server.url, keeps_offset=image.provider != "earth-search")
            settings = FetchSettings(elevation="none", level="L1C" if name == "level-1c" else "L2A")
            fetched = fetch_scene(
                area, parse_day("2018-09-06"), served / "scene", settings, catalogue=catalogue, workers=2
            )
        (source,) = fetched.record.sources
        assert source.offset_dn == (-1000 if image.offset_stored else 0), source.offset_from
        results[name] = red(served)[0]
    assert grid_of_area(area).shape == results["old"].shape
    for values in results.values():
        assert np.abs(values - results["old"]).max() <= 1


@pytest.mark.parametrize(
    ("image", "told"),
    [
        # The item tells that the offset was removed, and it was not.
        (
            MadeImage(
                channels=RED, baseline="05.09", offset_stored=True, extra={"earthsearch:boa_offset_applied": True}
            ),
            "tells that the values of S2A_54TWN_20180910_0_L2A hold no offset, but no pixel",
        ),
        # The item tells an offset, and it was removed already.
        (
            MadeImage(channels=RED, baseline="05.09", provider="copernicus", dark=-300),
            "as if it were removed twice: give offset 0",
        ),
        # Nothing tells.
        (
            MadeImage(channels=RED, baseline="05.09", offset_stored=True, provider="planetary-computer"),
            "nothing tells whether the values",
        ),
    ],
    ids=["not removed", "removed twice", "unknown"],
)
def test_an_offset_that_contradicts_the_values_is_refused(tmp_path: Path, image: MadeImage, told: str) -> None:
    outcome = fetch_all(tmp_path, [image])
    assert outcome.code == 2 and told in outcome.err and "set it with --offset" in outcome.err
    assert outcome.err.count("\n") == 1
    assert [one.name for one in tmp_path.iterdir()] == ["served"]


def test_a_given_offset_is_taken(tmp_path: Path) -> None:
    image = MadeImage(channels=RED, baseline="05.09", offset_stored=True, provider="planetary-computer")
    told = fetch_all(tmp_path, [image], "--offset", "-1000")
    assert told.code == 0, told.err
    values, expected = red(tmp_path)
    assert np.abs(values - expected).max() <= 0.51
    assert record_of(tmp_path).sources[0].offset_from == "as given"


def test_a_tile_that_was_processed_again_counts_once(tmp_path: Path) -> None:
    again = MadeImage(channels=RED, name="S2A_54TWN_20180910_1_L2A", baseline="05.00")
    told = fetch_all(tmp_path, [OLD, again])
    assert told.code == 0, told.err
    assert [one.name for one in record_of(tmp_path).sources] == [again.name]


def test_nodata_stays_nodata(tmp_path: Path) -> None:
    told = fetch_all(tmp_path, [MadeImage(channels=RED, left=560_600.0, nodata_columns=60)])
    assert told.code == 0, told.err
    values, expected = red(tmp_path)
    empty = values == -32768
    assert 0.05 < empty.mean() < 0.6
    assert np.abs(values - expected)[~empty].max() <= 0.51
    with rasterio.open(tmp_path / "scene" / "valid.tif") as opened:
        assert ((opened.read(1) == 0) == empty).all()
    _, valid = open_scene(tmp_path / "scene").read(["B04"])
    assert (valid == ~empty).all()
