"""Scenes on servers and maps in an object store (a real S3 server): the bytes of one machine, complete or absent."""

import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import geopandas as gpd
import numpy as np
import obstore
import pystac
import pytest
from affine import Affine

import landslip as ls
from cluster_made import workers_here
from command_line import run
from landslip.cluster.object_store import ObjectStore, store_url
from landslip.cluster.runner import ClusterRequest
from landslip.detector.detector import Detector
from landslip.errors import OutputError, SceneError
from landslip.mapping.job import MapSettings
from landslip.scenes.rasters import open_scene
from landslip.scenes.remote import gdal_name, gdal_options, local_or_remote
from landslip.scenes.scene_list import list_scenes
from s3_server import bucket, put, s3_server
from scenes_made import blobs, scene_file
from tiny_detectors import brightness

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
BLOCK = 64


def names_in(environment: dict[str, str], name: str) -> set[str]:
    return {entry["path"] for page in obstore.list(bucket(environment, name)) for entry in page}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes that overlap by half, a detector, and the maps of one process with their inventory."""
    folder = tmp_path_factory.mktemp("store")
    ground = blobs(120, 180, seed=2)
    for name, first in (("west", 0), ("east", 60)):
        (folder / name).mkdir()
        place = Affine(10, 0, 500_000 + 10 * first, 0, -10, 4_000_000)
        made = scene_file(folder / name, ground[:, :, first : first + 120], transform=place, crs="EPSG:32632")
        made.rename(folder / f"{name}.tif")
    brightness().save(folder / "brightness.onnx")
    detector = Detector.open(folder / "brightness.onnx")
    scenes = [folder / "west.tif", folder / "east.tif"]
    ls.map_scenes(scenes, folder / "one", detector, block_px=BLOCK, threads=1).check()
    ls.merge_inventories(folder / "one", folder / "one" / "inventory")
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[str]:
    handler = partial(RangeHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_address[1]}"
        served.shutdown()


class RangeHandler(SimpleHTTPRequestHandler):
    """A file server that answers ranges, as GDAL asks for them."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "")
        path = Path(self.translate_path(self.path))
        if not asked.startswith("bytes=") or not path.is_file():
            super().do_GET()
            return
        content = path.read_bytes()
        first, last = asked.removeprefix("bytes=").split("-")
        part = content[int(first) : int(last or len(content)) + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)


def test_a_scene_at_a_url_is_read_as_the_file(server: str, folder: Path, tmp_path: Path) -> None:
    here, there = open_scene(folder / "west.tif"), open_scene(f"{server}/west.tif")
    for one, other in zip(here.read(here.channels), there.read(here.channels), strict=True):
        np.testing.assert_array_equal(one, other)
    assert there.name == "west"
    (tmp_path / "list.txt").write_text(f"{server}/west.tif\n{server}/east.tif\n")
    assert [scene.name for scene in list_scenes([tmp_path / "list.txt"]).scenes] == ["west", "east"]
    with pytest.raises(SceneError, match="cannot be read as a raster"):
        open_scene(f"{server}/absent.tif")


def test_a_scene_that_changed_on_the_server_is_another(server: str, folder: Path, tmp_path: Path) -> None:
    import os

    path = folder / "changing.tif"
    path.write_bytes((folder / "west.tif").read_bytes())
    before = open_scene(f"{server}/changing.tif").identity
    assert before == open_scene(f"{server}/changing.tif").identity
    os.utime(path, (1, 1))
    assert open_scene(f"{server}/changing.tif").identity != before


@pytest.mark.parametrize(
    ("url", "told"), [("https://a.net/B04.tif?sig=secret", "with a query"), ("s3://bucket/scene/", "is no raster file")]
)
def test_urls_that_cannot_be_read_or_would_be_told_are_refused(url: str, told: str) -> None:
    with pytest.raises(SceneError, match=told) as caught:
        open_scene(url)
    assert "secret" not in str(caught.value)


def test_addresses_of_servers() -> None:
    assert gdal_name(local_or_remote(Path("https://a.net/x/B04.tif"))) == "/vsicurl/https://a.net/x/B04.tif"
    assert gdal_name(local_or_remote(Path("s3://bucket/B04.tif"))) == "/vsis3/bucket/B04.tif"
    options = gdal_options(Path("/vsis3/bucket/B04.tif"), {"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"})
    assert options["AWS_S3_ENDPOINT"] == "127.0.0.1:9000"
    assert options["AWS_HTTPS"] == "NO"
    assert gdal_options(Path("B04.tif"), {}) == {}
    assert store_url(Path("s3://bucket/maps")) == "s3://bucket/maps"


def test_an_object_store_without_a_cluster_is_refused(folder: Path) -> None:
    told = run("map", folder / "west.tif", "-o", "s3://bucket/maps", "--quiet")
    assert told.code == 2
    assert "an object store is written by a cluster only" in told.err


@pytest.mark.slow
def test_maps_in_a_store_are_those_of_one_machine_and_count_once_complete(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = Detector.open(folder / "brightness.onnx")
    monkeypatch.setenv("LANDSLIP_CACHE", str(tmp_path / "cache"))
    with s3_server(tmp_path / "s3") as environment, workers_here(detector, tmp_path / "workers") as cluster:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        for name in ("west", "east"):
            put(environment, "scenes", f"{name}.tif", folder / f"{name}.tif")
        (tmp_path / "list.txt").write_text("s3://scenes/west.tif\ns3://scenes/east.tif\n")
        scenes = list_scenes([tmp_path / "list.txt"]).scenes
        settings = MapSettings(block_px=BLOCK, threads=1)
        request = ClusterRequest(detector, Path("s3://results/maps"), settings, {})
        monkeypatch.setattr("landslip.cluster.mapping.open_cluster", lambda *_: _given(cluster))
        from landslip.cluster.mapping import map_scenes_on_cluster

        # A connection that breaks during the first upload leaves nothing that counts as a map.
        sent: list[str] = []

        def break_after_three(store: ObjectStore, path: Path, name: str) -> None:
            if len(sent) == 3:
                raise OutputError("the connection was lost", parameter="out")
            sent.append(name)
            put_file(store, path, name)

        put_file = ObjectStore.put
        with monkeypatch.context() as patch:
            patch.setattr(ObjectStore, "put", break_after_three)
            with pytest.raises(OutputError, match="connection was lost"):
                map_scenes_on_cluster("local", scenes, request)
        found = names_in(environment, "results")
        assert len(found) == 3
        assert not any(name.endswith("summary.json") for name in found)

        made = map_scenes_on_cluster("local", scenes, request)
        assert made.where == "s3://results/maps"
        assert [one.status for one in made.batch.summary.outcomes] == ["skipped", "skipped"], "made before, sent now"
        check_store(folder, tmp_path / "fetched", environment)
        assert not any((tmp_path / "cache" / "staging").iterdir()), "nothing is left on this machine"

        # What is in the store is not made again; what is incomplete there is.
        assert {one.status for one in map_scenes_on_cluster("local", scenes, request).batch.summary.outcomes} == {
            "skipped"
        }
        obstore.delete(bucket(environment, "results"), "maps/east/probability.tif")
        again = map_scenes_on_cluster("local", scenes, request)
        assert [one.status for one in again.batch.summary.outcomes] == ["skipped", "mapped"]
        check_store(folder, tmp_path / "fetched-again", environment)


def check_store(folder: Path, target: Path, environment: dict[str, str]) -> None:
    """Download everything, compare it with the maps of one process, and open inventory and collection."""
    store = bucket(environment, "results")
    for name in names_in(environment, "results"):
        path = target / name.removeprefix("maps/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(obstore.get(store, name).bytes()))
    for name in ("west", "east"):
        for file in ("probability.tif", "landslides.parquet", "overview.png"):
            assert (target / name / file).read_bytes() == (folder / "one" / name / file).read_bytes(), (name, file)
    merged = gpd.read_file(target / "inventory" / "landslides.gpkg", layer="landslides")
    expected = gpd.read_file(folder / "one" / "inventory" / "landslides.gpkg", layer="landslides")
    assert merged.equals(expected)
    assert len(merged) > 0
    assert (merged.n_maps == 2).any(), "landslides of the overlap are one"
    collection = pystac.Collection.from_file(str(target / "inventory" / "collection.json"))
    items = list(collection.get_items())
    assert len(items) == 2
    for item in items:
        assert item.assets["probability"].get_absolute_href() is not None
        assert Path(str(item.assets["probability"].get_absolute_href())).is_file()
    record = json.loads((target / "inventory" / "inventory.json").read_text())
    assert sorted(record["maps"]) == ["east", "west"]
    assert record["landslides"] == len(merged)


def _given(cluster: object) -> object:
    """A context that leaves the cluster open."""
    from contextlib import nullcontext

    return nullcontext(cluster)


def test_a_scene_named_as_the_inventory_is_refused(tmp_path: Path) -> None:
    scene_file(tmp_path, blobs(40, 40)).rename(tmp_path / "inventory.tif")
    with pytest.raises(ls.LandslipError, match="folder of the merged inventory"):
        ls.map_scenes([tmp_path / "inventory.tif"], tmp_path / "out", brightness(), cluster="local:1")
