"""From an area and a date to polygons through a STAC API on 127.0.0.1, and what the folder holds."""

import json
import shutil
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer

import landslip as ls
from catalogue_made import MadeImage, ground, write_elevation, write_image
from command_line import run
from landslip.scenes.rasters import open_scene
from landslip.scenes.scene_record import check_files, read_scene_record
from stac_server import Server, stac_server

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
AREA = "141.745,42.745,141.765,42.757"
"""Inside the image that ``MadeImage`` describes by default: 166 x 139 pixels."""


def read(folder: Path, name: str) -> NDArray[Any]:
    with rasterio.open(folder / f"{name}.tif") as opened:
        return np.asarray(opened.read(1))


def expected(folder: Path, channel: str) -> NDArray[np.float64]:
    """The DN of the places of a fetched scene."""
    with rasterio.open(folder / f"{channel}.tif") as opened:
        transform, crs, shape = opened.transform, opened.crs, opened.shape
    cols, rows = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    x, y = transform.a * cols + transform.c, transform.e * rows + transform.f
    return ground(*Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y), channel)


def fetch(server: Server, out: Path, *options: object, area: str = AREA, date: str = "2018-09-06") -> Any:
    return run(
        "scene", "fetch", "--area", area, "--date", date, "-o", out, "--catalogue", server.url, "--workers", 2, *options
    )


@pytest.fixture(scope="module")
def one_image(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("one")
    items = [write_image(folder, MadeImage()), write_elevation(folder, "N42E141", 141.65, 42.65)]
    with stac_server(folder, items) as server:
        yield server


def test_the_server_is_a_stac_api_that_can_be_searched(one_image: Server) -> None:
    from pystac_client import Client
    from pystac_client.conformance import ConformanceClasses

    client = Client.open(one_image.url)
    assert client.conforms_to(ConformanceClasses.CORE) and client.conforms_to(ConformanceClasses.ITEM_SEARCH)
    assert {one.id for one in client.get_collections()} == {"sentinel-2-l2a", "cop-dem-glo-30"}
    assert len(list(client.search(bbox=[0, 0, 1, 1]).items())) == 0


def test_a_folder_of_rasters_in_dn_with_elevation(one_image: Server, tmp_path: Path) -> None:
    out = tmp_path / "scene"
    told = fetch(one_image, out)
    assert told.code == 0, told.err
    assert "chosen: shows 100.0% of the area" in told.out and f"landslip map {out}" in told.out
    names = {path.name for path in out.iterdir()}
    rasters = {f"{name}.tif" for name in ("B02", "B03", "B04", "B11", "elevation", "valid", "SCL", "source")}
    assert names == rasters | {"scene.json", "quicklook.png"}
    assert [path.name for path in tmp_path.iterdir()] == ["scene"]
    for channel in ("B02", "B03", "B04"):
        assert np.abs(read(out, channel) - expected(out, channel)).max() <= 0.51
    # A band of 20 m is interpolated.
    assert np.abs(read(out, "B11") - expected(out, "B11")).max() < 3
    with rasterio.open(out / "elevation.tif") as opened:
        cols, rows = np.meshgrid(np.arange(opened.width) + 0.5, np.arange(opened.height) + 0.5)
        x, y = opened.transform * (cols, rows)
        _, lat = Transformer.from_crs(opened.crs, "EPSG:4326", always_xy=True).transform(x, y)
        assert np.abs(opened.read(1) - (1000 + 1000 * (lat - 43))).max() < 0.05
    assert (read(out, "valid") == 255).all() and (read(out, "SCL") == 4).all() and (read(out, "source") == 1).all()
    with rasterio.open(out / "B04.tif") as opened:
        assert opened.crs.to_epsg() == 32654 and opened.res == (10, 10) and opened.nodata == -32768
        assert opened.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert opened.transform.c % 10 == 0 and opened.transform.f % 10 == 0
    with Image.open(out / "quicklook.png") as picture:
        assert picture.size == (opened.width, opened.height)


def test_the_record_tells_where_everything_is_from(one_image: Server, tmp_path: Path) -> None:
    out = tmp_path / "scene"
    assert fetch(one_image, out, "--channels", "B04,B02").code == 0
    record = read_scene_record(out)
    assert record is not None
    assert record.level == "L2A" and record.channels == ("B02", "B04", "elevation")
    assert record.date is not None and record.date.isoformat() == "2018-09-10T01:26:49+00:00"
    (source,) = record.sources
    assert source.name == "S2A_54TWN_20180910_0_L2A" and source.relative_orbit == 54 and source.baseline == "02.08"
    assert source.files["B04"] == f"{one_image.url}/data/{source.name}/B04.tif" and source.pixels_fraction == 1
    assert record.licence == "https://sentinel.esa.int/licence"
    assert "Contains modified Copernicus Sentinel data 2018" in record.attribution
    assert check_files(out, record) == []
    (out / "B04.tif").write_bytes((out / "B04.tif").read_bytes()[:-1] + b"x")
    assert check_files(out, record) == ["B04.tif"]


def test_open_scene_and_map_take_the_folder(one_image: Server, tmp_path: Path) -> None:
    out = tmp_path / "scene-2018-09-06"
    assert fetch(one_image, out).code == 0
    scene = open_scene(out)
    # The date of the image, not that in the name of the folder.
    assert scene.date is not None and scene.date.date().isoformat() == "2018-09-10"
    assert scene.product is not None and scene.product.level == "L2A" and scene.product.baseline == "02.08"
    assert scene.product.sun_zenith_deg == 40 and scene.classification is not None
    assert scene.warnings == () and scene.has(["B02", "B03", "B04", "B11", "elevation", "slope"])
    told = run("map", out, "-o", tmp_path / "map", "--quiet")
    assert told.code == 0, told.err
    assert (tmp_path / "map" / "landslides.gpkg").is_file()
    (out / "B11.tif").unlink()
    assert any("B11.tif is missing" in warning for warning in open_scene(out).warnings)


def test_the_python_api_gives_the_same_folder(one_image: Server, tmp_path: Path) -> None:
    assert fetch(one_image, tmp_path / "a").code == 0
    result = ls.fetch_scene(AREA, "2018-09-06", tmp_path / "b", catalogue=one_image.url)
    assert result.folder == tmp_path / "b" and result.record == read_scene_record(tmp_path / "b")
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_the_result_does_not_depend_on_the_windows(one_image: Server, tmp_path: Path) -> None:
    from landslip.scenes.catalogue.fetch import fetch_scene
    from landslip.scenes.catalogue.request import FetchSettings, parse_day

    area = shapely.box(*map(float, AREA.split(",")))
    settings = FetchSettings(catalogue=one_image.url)
    for side in (48, 1024):
        fetch_scene(area, parse_day("2018-09-06"), tmp_path / str(side), settings, window_px=side, workers=3)
    for name in ("B02", "B04", "SCL", "valid", "source"):
        assert (read(tmp_path / "48", name) == read(tmp_path / "1024", name)).all()
    # Interpolated by GDAL, whose window differs.
    assert np.abs(read(tmp_path / "48", "B11") - read(tmp_path / "1024", "B11")).max() <= 1
    assert np.abs(read(tmp_path / "48", "elevation") - read(tmp_path / "1024", "elevation")).max() < 0.01


def test_a_file_of_polygons_and_the_users_own_elevation(one_image: Server, tmp_path: Path) -> None:
    area = tmp_path / "area.geojson"
    gpd.GeoSeries([shapely.Point(141.755, 42.75).buffer(0.004)], crs="EPSG:4326").to_file(area)
    dem = one_image.folder / "N42E141.tif"
    told = fetch(one_image, tmp_path / "scene", "--dem", dem, "--channels", "B04", area=str(area))
    assert told.code == 0, told.err
    record = read_scene_record(tmp_path / "scene")
    assert record is not None and record.elevation == ("N42E141.tif",) and "GLO-30" not in record.attribution
    assert 60 < record.grid.width < 75
    told = fetch(one_image, tmp_path / "without", "--dem", "none", "--channels", "B04", area=str(area))
    assert told.code == 0 and not (tmp_path / "without" / "elevation.tif").exists()
    assert "elevation" not in told.err


def test_list_prints_a_table_and_draws_pictures_and_fetches_nothing(one_image: Server, tmp_path: Path) -> None:
    told = fetch(one_image, tmp_path / "scene", "--list")
    assert told.code == 0, told.err
    assert "2018-09-10 sentinel-2a, orbit 54" in told.out and "100.0%" in told.out
    assert [path.name for path in tmp_path.iterdir()] == ["scene-candidates.png"]
    with Image.open(tmp_path / "scene-candidates.png") as sheet:
        assert min(sheet.size) > 300
    told = fetch(one_image, tmp_path / "scene", "--list", "--json")
    assert json.loads(told.out)[0]["clear_fraction"] == 1


def test_a_static_catalogue_on_disk(tmp_path: Path) -> None:
    import pystac

    item = json.loads(json.dumps(write_image(tmp_path, MadeImage())).replace("{url}/data", str(tmp_path)))
    single = tmp_path / "items.geojson"
    single.write_text(json.dumps({"type": "FeatureCollection", "features": [item]}))
    catalogue = pystac.Catalog("mine", "a catalogue")
    collection = pystac.Collection(
        "sentinel-2-l2a",
        "images",
        pystac.Extent(pystac.SpatialExtent([[-180, -90, 180, 90]]), pystac.TemporalExtent([[None, None]])),
    )
    catalogue.add_child(collection)
    collection.add_item(pystac.Item.from_dict(item))
    catalogue.normalize_and_save(str(tmp_path / "stac"), pystac.CatalogType.SELF_CONTAINED)
    for name, source in (("a", single), ("b", tmp_path / "stac" / "catalog.json")):
        told = run(
            *("scene", "fetch", "--area", AREA, "--date", "2018-09-06", "-o", tmp_path / name, "--catalogue", source),
            *("--channels", "B03", "--dem", "none"),
        )
        assert told.code == 0, told.err
        assert np.abs(read(tmp_path / name, "B03") - expected(tmp_path / name, "B03")).max() <= 0.51


def test_real_images_before_and_after_an_earthquake(shared_data: Path, tmp_path: Path) -> None:
    """Iburi-Tobu, 6 September 2018: area and date in, polygons out; real bands and elevation, items made for them."""
    real = shared_data / "scenes" / "hokkaido-2018"
    folder = tmp_path / "served"
    folder.mkdir()
    items = []
    for day, part in (("2018-04-20", "before"), ("2018-09-20", "after")):
        name = f"S2A_54TWN_{day.replace('-', '')}_0_L1C"
        shutil.copytree(real / part, folder / name)
        items.append(_real_item(name, day, folder / name, "sentinel-2-l1c"))
    (folder / "dem").mkdir()
    shutil.copy(real / "elevation.tif", folder / "dem" / "data.tif")
    items.append(_real_item("dem", "2010-01-01", folder / "dem", "cop-dem-glo-30"))
    with rasterio.open(real / "after" / "B04.tif") as opened:
        box = opened.bounds
    lon, lat = (box.left + box.right) / 2, (box.bottom + box.top) / 2
    middle = f"{lon - 0.018},{lat - 0.02},{lon + 0.018},{lat + 0.02}"
    with stac_server(folder, items) as server:
        told = fetch(server, tmp_path / "scene", "--level", "L1C", area=middle)
    assert told.code == 0, told.err
    assert "tile states, as it has no SCL" in told.out
    record = read_scene_record(tmp_path / "scene")
    assert record is not None and record.days[0].isoformat() == "2018-09-20" and record.level == "L1C"
    told = run("map", tmp_path / "scene", "-o", tmp_path / "map", "--quiet")
    assert told.code == 0, told.err
    landslides = gpd.read_file(tmp_path / "map" / "landslides.gpkg", layer="landslides")
    assert len(landslides) > 10 and landslides.crs.to_epsg() == 32654


def test_the_real_item_of_a_real_tile(shared_data: Path, tmp_path: Path) -> None:
    real = shared_data / "scenes" / "s2a-29rkh-l2a-12band"
    item = json.loads((real / "S2A_29RKH_20200219_0_L2A.json").read_text())
    for asset in item["assets"].values():
        asset["href"] = "{url}/data/" + asset["href"].rsplit("/", 1)[1]
    for name in ("B04", "B08", "B11", "SCL"):
        shutil.copy(real / f"{name}.tif", tmp_path)
    with stac_server(tmp_path, [item]) as server:
        told = fetch(
            *(server, tmp_path / "scene", "--channels", "B04,B08,B11", "--dem", "none"),
            area="-11.55,24.70,-11.53,24.715",
            date="2020-02-15",
        )
    assert told.code == 0, told.err
    record = read_scene_record(tmp_path / "scene")
    assert record is not None and record.sources[0].tile == "29RKH" and record.sources[0].relative_orbit == 37
    assert record.sources[0].offset_dn == 0 and record.sources[0].baseline == "02.14"
    # Every value is within those of the file nearby; its pixels are 100 m.
    with rasterio.open(real / "B04.tif") as opened, rasterio.open(tmp_path / "scene" / "B04.tif") as made:
        assert made.crs == opened.crs
        window = opened.window(*made.bounds)
        around = opened.read(1, window=rasterio.windows.Window(window.col_off - 2, window.row_off - 2, 30, 30))
        values = made.read(1)
    assert around.min() <= values.min() and values.max() <= around.max()
    assert abs(np.median(values) / np.median(around) - 1) < 0.1


def _real_item(name: str, day: str, folder: Path, collection: str) -> dict[str, Any]:
    files = sorted(folder.glob("*.tif"))
    with rasterio.open(files[0]) as opened:
        box = shapely.box(*opened.bounds)
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": collection,
        "geometry": shapely.geometry.mapping(box),
        "bbox": list(box.bounds),
        "properties": {
            "datetime": f"{day}T01:20:00Z",
            "platform": "sentinel-2a",
            "s2:processing_baseline": "02.06",
            "eo:cloud_cover": 3,
        },
        "links": [],
        "assets": {one.stem: {"href": f"{{url}}/data/{folder.name}/{one.name}"} for one in files},
    }
