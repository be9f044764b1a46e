"""What a catalogue does wrong: the right scene or an error of one sentence, and nothing half-written."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from pyproj import Transformer

from catalogue_made import MadeImage, ground, write_elevation, write_image
from command_line import Outcome, run
from landslip.errors import LandslipError, RunError
from landslip.scenes.catalogue import reading
from landslip.scenes.catalogue.fetch import FetchedScene, fetch_scene
from landslip.scenes.catalogue.presets import Catalogue
from landslip.scenes.catalogue.reading import Retries
from landslip.scenes.catalogue.request import FetchSettings, parse_day
from landslip.scenes.catalogue.signing import Signer
from landslip.scenes.scene_record import read_scene_record
from stac_server import Faults, Server, stac_server

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
AREA = "141.745,42.745,141.765,42.757"
CHANNELS = ("B02", "B04")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    items = [write_image(folder, MadeImage(channels=CHANNELS)), write_elevation(folder, "N42E141", 141.65, 42.65)]
    items.append(write_image(folder, MadeImage(channels=CHANNELS, name="S2A_54TWN_20190910_0_L2A", day="2019-09-10")))
    with stac_server(folder, items) as server:
        yield server


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    from urllib3.util import Retry

    monkeypatch.setattr(Retry, "sleep", lambda *_: None)
    monkeypatch.setattr(reading, "Retries", lambda: Retries(attempts=6, pause_s=0.001))


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """The server without faults. GDAL keeps what it read of a URL: tests of files ask for copies of their own."""
    running.asked.clear()
    yield running
    running.faults = Faults()


def fetch(server: Server, out: Path, *options: object, date: str = "2018-09-06") -> Outcome:
    return run(
        *("scene", "fetch", "--area", AREA, "--date", date, "-o", out, "--catalogue", server.url),
        *("--channels", "B02,B04", "--workers", 2, "--quiet", *options),
    )


def fetch_in_python(
    server: Server,
    out: Path,
    catalogue: Catalogue | None = None,
    window_px: int = 64,
    channels: tuple[str, ...] = CHANNELS,
    elevation: str = "none",
) -> FetchedScene:
    return fetch_scene(
        shapely.box(*map(float, AREA.split(","))),
        parse_day("2018-09-06"),
        out,
        FetchSettings(catalogue=server.url, channels=channels, elevation=elevation),
        window_px=window_px,
        workers=2,
        retries=Retries(attempts=6, pause_s=0.001),
        catalogue=catalogue,
    )


def check_values(folder: Path, channels: tuple[str, ...] = CHANNELS) -> None:
    for channel in channels:
        with rasterio.open(folder / f"{channel}.tif") as opened:
            cols, rows = np.meshgrid(np.arange(opened.width) + 0.5, np.arange(opened.height) + 0.5)
            x, y = opened.transform * (cols, rows)
            places = Transformer.from_crs(opened.crs, "EPSG:4326", always_xy=True).transform(x, y)
            assert np.abs(opened.read(1) - ground(*places, channel)).max() <= 0.51


def one_sentence(told: Outcome, folder: Path, *, code: int = 1) -> str:
    """Check that an error is one line and that no file has its final name; return the line."""
    assert told.code == code and told.out == "", told
    assert told.err.startswith("landslip: ") and told.err.count("\n") == 1 and "Traceback" not in told.err
    assert not (folder / "scene").exists()
    return told.err


def serve_copies(server: Server, name: str) -> dict[str, Any]:
    """Copy the image under another name, whose URLs GDAL has not met; return its item for a catalogue on disk."""
    shutil.copytree(server.folder / MadeImage().name, server.folder / name)
    listed = json.loads((server.folder / "items.json").read_text())["features"][0]
    text = json.dumps(listed).replace(f"/data/{MadeImage().name}/", f"/data/{name}/")
    item: dict[str, Any] = json.loads(text) | {"id": name}
    return item


def on_disk(folder: Path, item: dict[str, Any]) -> Path:
    path = folder / "items.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [item]}))
    return path


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_catalogue_is_asked_again(server: Server, tmp_path: Path, status: int) -> None:
    server.faults = Faults(busy=3, busy_status=status)
    told = fetch(server, tmp_path / "scene")
    assert told.code == 0, told.err
    check_values(tmp_path / "scene")


@pytest.mark.parametrize("status", [429, 500])
def test_busy_files_are_asked_for_again(server: Server, tmp_path: Path, status: int) -> None:
    item = serve_copies(server, f"busy{status}")
    server.faults = Faults(busy=4, busy_status=status)
    told = fetch(server, tmp_path / "scene", "--catalogue", on_disk(tmp_path, item), "--dem", "none")
    assert told.code == 0, told.err
    check_values(tmp_path / "scene")


def test_a_catalogue_that_stays_busy(server: Server, tmp_path: Path) -> None:
    server.faults = Faults(busy=10_000)
    line = one_sentence(fetch(server, tmp_path / "scene"), tmp_path)
    assert "cannot be searched (HTTP status 500)" in line
    assert list(tmp_path.iterdir()) == []


def test_connections_that_break(server: Server, tmp_path: Path) -> None:
    item = serve_copies(server, "dropping")
    server.faults = Faults(drop=4)
    told = fetch(server, tmp_path / "scene", "--catalogue", on_disk(tmp_path, item), "--dem", "none")
    assert told.code == 0, told.err
    assert server.faults.drop <= 0
    check_values(tmp_path / "scene")


def test_after_a_failure_the_next_reads_of_a_file_succeed_at_once(server: Server) -> None:
    serve_copies(server, "once")
    pauses: list[float] = []
    reader = reading.RemoteReader(Signer(None, ""), {}, Retries(attempts=6, pause_s=1), wait=pauses.append)
    href = f"{server.url}/data/once/B04.tif"
    server.faults = Faults(busy=3, busy_status=500)
    grid = reader.header(href).grid
    assert pauses == [1, 2, 4]
    for _ in range(3):
        values = reader.read(href, grid[:50, :50], dtype="float32", fill=0, nodata=0, resampling="nearest")
    assert (values > 0).all() and len(pauses) == 3


def test_a_run_that_fails_resumes_without_asking_again(server: Server, tmp_path: Path) -> None:
    # B08 is not among the bands in which the offset is looked for, so that its reading is the first to fail.
    image = MadeImage(channels=("B02", "B08"), name="S2A_54TWN_20180912_0_L2A")
    item = json.loads(json.dumps(write_image(server.folder, image)).replace("{url}", server.url))
    catalogue = Catalogue("on disk", str(on_disk(tmp_path, item)))
    server.faults = Faults(drop_always="B08")
    with pytest.raises(RunError, match=r"B08.tif cannot be read .*goes on where it stopped"):
        fetch_in_python(server, tmp_path / "scene", catalogue, channels=image.channels)
    assert not (tmp_path / "scene").exists()
    (unfinished,) = [one for one in tmp_path.iterdir() if one.name.startswith(".")]
    # B02 is complete there, under another name than its final one.
    assert (unfinished / "files" / "B02.tif").is_file() and not (unfinished / "files" / "B08.tif").exists()
    server.faults = Faults()
    server.asked.clear()
    fetch_in_python(server, tmp_path / "scene", catalogue, channels=image.channels)
    assert {name.rsplit("/", 1)[1] for name in server.asked} == {"B08.tif"}
    check_values(tmp_path / "scene", image.channels)
    fetch_in_python(server, tmp_path / "again", catalogue, channels=image.channels)
    for path in (tmp_path / "scene").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
    assert not any(one.name.startswith(".") for one in tmp_path.iterdir())


def test_windows_that_are_finished_are_not_read_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    plain = reading.RemoteReader.read

    def counted(self: reading.RemoteReader, href: str, grid: Any, **options: Any) -> Any:
        if href.endswith("B04.tif") and tuple(grid.shape) == (64, 64):
            reads.append(href)
            if len(reads) == 3 and not list(tmp_path.glob("stopped")):
                (tmp_path / "stopped").touch()
                raise RunError("stopped")
        return plain(self, href, grid, **options)

    monkeypatch.setattr(reading.RemoteReader, "read", counted)
    with pytest.raises(RunError, match="stopped"):
        fetch_in_python(server, tmp_path / "scene")
    before = len(reads)
    finished = len([one for one in tmp_path.glob(".scene.fetch/windows/B04-*.npy") if "128" not in one.stem])
    assert finished == 2
    fetch_in_python(server, tmp_path / "scene")
    inner = 4  # windows of 64 x 64 in 136 x 166 pixels
    assert len(reads) - before == inner - finished
    check_values(tmp_path / "scene")


def test_another_request_does_not_go_on_with_what_is_left(server: Server, tmp_path: Path) -> None:
    item = serve_copies(server, "half")
    catalogue = on_disk(tmp_path, item)
    server.faults = Faults(drop_always="half/B04")
    assert fetch(server, tmp_path / "scene", "--catalogue", catalogue, "--dem", "none").code == 1
    server.faults = Faults()
    told = fetch(server, tmp_path / "scene", date="2019-09-06")
    assert told.code == 0, told.err
    record = read_scene_record(tmp_path / "scene")
    assert record is not None and record.days[0].year == 2019
    assert sorted(one.name for one in tmp_path.iterdir()) == ["items.json", "scene"]


def test_a_truncated_file(server: Server, tmp_path: Path) -> None:
    item = serve_copies(server, "truncated")
    path = server.folder / "truncated" / "B04.tif"
    content = path.read_bytes()
    # The overviews are at the beginning, so that the ranking can read it.
    path.write_bytes(content[: len(content) * 2 // 3])
    told = fetch(server, tmp_path / "scene", "--catalogue", on_disk(tmp_path, item), "--dem", "none")
    line = one_sentence(told, tmp_path)
    assert "truncated/B04.tif cannot be read" in line and "damaged at its source" in line


def test_a_file_that_is_missing_is_not_asked_for_for_long(server: Server, tmp_path: Path) -> None:
    item = serve_copies(server, "missing")
    (server.folder / "missing" / "SCL.tif").unlink()
    told = fetch(server, tmp_path / "scene", "--catalogue", on_disk(tmp_path, item), "--dem", "none")
    assert "missing/SCL.tif cannot be read" in one_sentence(told, tmp_path)


def test_a_file_that_is_no_raster(server: Server, tmp_path: Path) -> None:
    item = serve_copies(server, "html")
    (server.folder / "html" / "B02.tif").write_text("<html>Sign in</html>")
    told = fetch(server, tmp_path / "scene", "--catalogue", on_disk(tmp_path, item), "--dem", "none")
    assert "html/B02.tif cannot be read" in one_sentence(told, tmp_path)


def test_an_item_without_crs_is_read_by_its_files(server: Server, tmp_path: Path) -> None:
    item = serve_copies(server, "plain")
    del item["properties"]["proj:epsg"]
    told = fetch(server, tmp_path / "scene", "--catalogue", on_disk(tmp_path, item), "--dem", "none")
    assert told.code == 0, told.err
    check_values(tmp_path / "scene")


def test_files_without_crs(tmp_path: Path, server: Server) -> None:
    image = MadeImage(channels=CHANNELS, name="S2A_54TWN_20180911_0_L2A", file_crs=False)
    item = json.loads(json.dumps(write_image(server.folder, image)).replace("{url}", server.url))
    told = fetch(server, tmp_path / "scene", "--catalogue", on_disk(tmp_path, item), "--dem", "none")
    assert "has no CRS, and its place is unknown" in one_sentence(told, tmp_path)


@pytest.mark.parametrize(
    "answer", ["{", "[]", "<html/>", '{"type": "FeatureCollection"}', '{"features": 3}', '{"features": [3]}']
)
def test_an_answer_that_is_no_list_of_items(server: Server, tmp_path: Path, answer: str) -> None:
    server.faults = Faults(search_text=answer)
    told = fetch(server, tmp_path / "scene")
    one_sentence(told, tmp_path, code=told.code)
    assert told.code in (1, 2) and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"properties": None}, "has no properties"),
        ({"assets": {}}, "has no file of a Sentinel-2 band"),
        ({"assets": {"visual": {"href": "x"}, "B04": 3}}, "has no file of a Sentinel-2 band"),
        ({"properties": {"datetime": "yesterday"}}, "has no date"),
    ],
)
def test_items_that_cannot_be_used_are_named(server: Server, tmp_path: Path, change: dict[str, Any], why: str) -> None:
    features = json.loads((server.folder / "items.json").read_text())["features"]
    answer = {"type": "FeatureCollection", "features": [features[0] | change]}
    server.faults = Faults(search_text=json.dumps(answer))
    assert why in one_sentence(fetch(server, tmp_path / "scene"), tmp_path, code=2)


def test_no_image_in_these_days(server: Server, tmp_path: Path) -> None:
    line = one_sentence(fetch(server, tmp_path / "scene", date="2016-01-01"), tmp_path, code=2)
    assert "no L2A image of the area" in line and "set it with --days-after" in line


def test_no_elevation_is_a_warning(server: Server, tmp_path: Path) -> None:
    item = serve_copies(server, "flat")
    told = fetch(server, tmp_path / "scene", "--catalogue", on_disk(tmp_path, item))
    assert told.code == 0 and "has no elevation of the area" in told.err and "set it with --dem" in told.err


def test_a_catalogue_that_is_none(tmp_path: Path) -> None:
    for catalogue, words in (
        ("http://127.0.0.1:9", "cannot be searched"),
        ("nowhere", "is no catalogue: give earth-search"),
        (str(Path(__file__)), "cannot be read as a STAC catalogue"),
    ):
        told = run(
            "scene", "fetch", "--area", AREA, "--date", "2018-09-06", "-o", tmp_path / "x", "--catalogue", catalogue
        )
        assert words in told.err and told.err.count("\n") == 1 and told.code in (1, 2)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--area", "1,2,3"], "is neither a file nor a bounding box"),
        (["--area", "10,84.5,11,85"], "outside those of UTM"),
        (["--area", "10,0,40,1"], "too wide for UTM zone"),
        (["--date", "6.9.2018"], "date must be a day"),
        (["--channels", "B10"], "L2A has B01"),
        (["--channels", "slope"], "L2A has B01"),
        (["--days-after", "-1"], "days_after"),
        (["--dem", "no.tif"], "no file no.tif"),
        (["--catalogue", "copernicus"], "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        (["--level", "L1C", "--catalogue", "earth-search"], "AWS_ACCESS_KEY_ID"),
    ],
)
def test_wrong_arguments(
    server: Server, tmp_path: Path, options: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    line = one_sentence(fetch(server, tmp_path / "scene", *options), tmp_path, code=2)
    assert words in line and list(tmp_path.iterdir()) == []


def test_a_folder_with_files_is_left_alone(server: Server, tmp_path: Path) -> None:
    out = tmp_path / "scene"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    for options in ([], ["--overwrite"]):
        told = fetch(server, out, *options)
        assert told.code == 2 and "has files" in told.err and (out / "notes.txt").read_text() == "mine"
    (out / "notes.txt").unlink()
    assert fetch(server, out).code == 0
    assert fetch(server, out).code == 2
    assert fetch(server, out, "--overwrite", date="2019-09-06").code == 0
    record = read_scene_record(out)
    assert record is not None and record.days[0].year == 2019
    assert [one.name for one in tmp_path.iterdir()] == ["scene"]


def test_tokens_are_renewed_and_never_written(server: Server, tmp_path: Path) -> None:
    item = serve_copies(server, "signed")
    elevation = json.loads((server.folder / "items.json").read_text())["features"][1]
    shutil.copy(server.folder / "N42E141.tif", server.folder / "signed" / "N42.tif")
    elevation["assets"]["data"]["href"] = f"{server.url}/data/signed/N42.tif"
    server.faults = Faults(token_lasts_s=0.7)
    listed = tmp_path / "items.json"
    listed.write_text(json.dumps({"type": "FeatureCollection", "features": [item, elevation]}))
    catalogue = Catalogue("signed", str(listed), token_url=server.url + "/token/{collection}")
    fetch_in_python(server, tmp_path / "scene", catalogue, window_px=24, elevation="catalogue")
    assert (tmp_path / "scene" / "elevation.tif").is_file()
    assert len(server.tokens) > 1
    check_values(tmp_path / "scene")
    for path in (tmp_path / "scene").iterdir():
        assert b"sig=" not in path.read_bytes(), path.name


def test_a_token_is_not_in_an_error(server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    item = serve_copies(server, "secret")
    (server.folder / "secret" / "B04.tif").unlink()
    catalogue = Catalogue("signed", str(on_disk(tmp_path, item)), token_url=server.url + "/token/{collection}")
    with pytest.raises(LandslipError) as told:
        fetch_in_python(server, tmp_path / "scene", catalogue)
    assert "secret/B04.tif cannot be read" in str(told.value) and "sig=" not in str(told.value)
    assert "sig=" not in caplog.text
    assert not any(b"sig=" in one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())


def test_two_processes_do_not_write_one_scene(server: Server, tmp_path: Path) -> None:
    from landslip.files.atomic import lock_file

    work = tmp_path / ".scene.fetch"
    work.mkdir()
    (work / "plan.json").touch()
    with (work / "lock").open("w") as lock:
        assert lock_file(lock)
        assert "being fetched by another process" in one_sentence(fetch(server, tmp_path / "scene"), tmp_path)


def test_files_in_a_bucket_are_read_with_the_keys_of_the_environment(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = serve_copies(server, "bucket")
    item = json.loads(json.dumps(item).replace(f"{server.url}/data/", "s3://data/"))
    options = {"AWS_S3_ENDPOINT": server.url.removeprefix("http://"), "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE"}
    catalogue = Catalogue(
        "bucket", str(on_disk(tmp_path, item)), gdal_options=options, needs_keys=frozenset({"L2A"}), keeps_offset=True
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAPUBLIC")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    with pytest.raises(LandslipError, match="set the environment variables AWS_SECRET_ACCESS_KEY"):
        fetch_in_python(server, tmp_path / "scene", catalogue)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden-key")
    fetch_in_python(server, tmp_path / "scene", catalogue)
    check_values(tmp_path / "scene")
    assert server.signed_by >= {"AKIAPUBLIC"}
    for path in (tmp_path / "scene").iterdir():
        assert b"AKIAPUBLIC" not in path.read_bytes() and b"hidden-key" not in path.read_bytes()


def test_refused_files_name_the_credentials(server: Server, tmp_path: Path) -> None:
    item = serve_copies(server, "refused")
    server.faults = Faults(token_lasts_s=60)
    told = fetch(server, tmp_path / "scene", "--catalogue", on_disk(tmp_path, item), "--dem", "none")
    assert "check the credentials in the environment" in one_sentence(told, tmp_path)


def test_without_the_extra_its_name_is_told(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("pystac_client", "odc.loader"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, package, None)
            line = one_sentence(fetch(server, tmp_path / "scene"), tmp_path, code=2)
        assert "pip install 'landslip[scenes]'" in line and list(tmp_path.iterdir()) == []
