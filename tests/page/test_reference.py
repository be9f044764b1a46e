"""References on the page: scores equal those of the command line, and malicious files are refused."""

import json
import sqlite3
import threading
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
from arro3.io import write_parquet
from pyproj import CRS

from landslip.evaluation.reference.score import score_map
from landslip.mapping.finished_map import open_map
from landslip.metrics.thresholds import ProbabilityHistogram
from landslip.page.errors import PageError
from landslip.page.jobs.pool import Pool, QueueSettings
from landslip.page.jobs.results import ScenePicture, SceneReference, SceneResult, SceneScores
from landslip.page.jobs.tasks import OverlayTask, PictureTask, ReferenceTask, SceneSource, ScoreTask
from landslip.page.jobs.worker import ProcessLimits
from landslip.page.server.settings import PageSettings
from landslip.page.uploads.receive import REFERENCE_KINDS, receive
from page_made import LIMITS, Arriving, detector_file, made_scene, map_source, run_task
from rasters import NORTH_UP, UTM, write_raster
from scenes_made import blobs

HEIGHT, WIDTH = 96, 120


def box(top: int, left: int, bottom: int, right: int) -> shapely.Polygon:
    """A rectangle of pixels of the scene, in metres of its CRS."""
    x, y = NORTH_UP.c, NORTH_UP.f
    return shapely.box(x + 10 * left, y - 10 * bottom, x + 10 * right, y - 10 * top)


BOXES = (box(5, 10, 25, 40), box(50, 60, 90, 100))


def polygons(path: Path, *shapes: shapely.Geometry, crs: str = UTM) -> Path:
    driver = "KML" if path.suffix == ".kml" else None
    gpd.GeoSeries(list(shapes or BOXES), crs=UTM).to_crs(crs).to_file(path, driver=driver)
    return path


def shapefile_zip(path: Path, *, keep: Callable[[Path], bool] = lambda _: True, copies: int = 1) -> Path:
    folder = path.parent / "shape"
    folder.mkdir()
    for number in range(copies):
        polygons(folder / f"Slides {number}.shp")
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.iterdir():
            if keep(file):
                archive.write(file, f"data/{file.name}")
    return path


def kmz(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(polygons(path.with_name("inside.kml"), crs="EPSG:4326"), "doc.kml")
        archive.writestr("images/icon.png", b"\x89PNG")
    return path


def geoparquet(path: Path) -> Path:
    geometry = {"encoding": "WKB", "geometry_types": ["Polygon"], "crs": CRS.from_string(UTM).to_json_dict()}
    facts = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
    schema = Schema([Field("geometry", DataType.binary())])
    batch = RecordBatch.from_arrays([Array([one.wkb for one in BOXES], DataType.binary())], schema=schema)
    reader = RecordBatchReader.from_batches(schema, [batch])
    write_parquet(reader, path, key_value_metadata={"geo": json.dumps(facts)})
    return path


def labels(path: Path, **changes: object) -> Path:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[5:25, 10:40] = mask[50:90, 60:100] = 1
    mask[:, :5] = 255
    return write_raster(path, mask, **changes)


MAKES: dict[str, Callable[[Path], Path]] = {
    "GeoPackage": lambda folder: polygons(folder / "t.gpkg"),
    "GeoJSON": lambda folder: polygons(folder / "t.geojson", crs="EPSG:4326"),
    "shapefile": lambda folder: shapefile_zip(folder / "t.zip"),
    "KML": lambda folder: polygons(folder / "t.kml", crs="EPSG:4326"),
    "KMZ": lambda folder: kmz(folder / "t.kmz"),
    "FlatGeobuf": lambda folder: polygons(folder / "t.fgb"),
    "GeoParquet": lambda folder: geoparquet(folder / "t.parquet"),
    "labels": lambda folder: labels(folder / "t.tif"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SceneResult:
    folder = tmp_path_factory.mktemp("map")
    return map_source(folder, made_scene(folder, blobs(HEIGHT, WIDTH)), detector_file(folder))


def reference_task(folder: Path, source: SceneSource, given: Path, **settings: object) -> ReferenceTask:
    """The task for an uploaded file."""
    (upload,) = receive(
        [Arriving(given.name, given.read_bytes())], folder / "session", PageSettings(max_upload_mb=10), REFERENCE_KINDS
    )
    return ReferenceTask(folder=folder / "session", upload=upload, source=source, limits=LIMITS, **settings)


def rasterize(folder: Path, source: SceneSource, given: Path, **settings: object) -> SceneReference:
    return SceneReference.model_validate(run_task(reference_task(folder, source, given, **settings)))


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES.keys())
def test_scores_are_those_of_the_command_line(made: SceneResult, tmp_path: Path, make: Callable[[Path], Path]):
    given = make(tmp_path)
    reference = rasterize(tmp_path, made.source, given)
    assert reference.count == 2
    for threshold in (0.5, 0.8):
        task = ScoreTask(map_folder=made.folder, mask=reference.mask, threshold=threshold)
        scores = SceneScores.model_validate(run_task(task))
        other = tmp_path / "shape" / "Slides 0.shp" if given.suffix == ".zip" else given
        expected = score_map(open_map(made.folder), other, threshold=threshold)
        counts = ProbabilityHistogram(np.array(scores.landslide), np.array(scores.background))
        assert counts.at(threshold) == expected.pixel
        interval, objects = expected.intervals()["f1"], expected.objects()
        assert scores.f1_interval == interval.ends
        counts_by_landslide = (scores.reference_landslides, scores.mapped_landslides, scores.matches, scores.detected)
        assert counts_by_landslide == (objects.reference, objects.mapped, objects.matches, objects.touched_reference)


def test_reference_outlines_match_the_polygons(made: SceneResult, tmp_path: Path):
    reference = rasterize(tmp_path, made.source, polygons(tmp_path / "t.geojson", crs="EPSG:4326"))
    table = gpd.read_file(reference.landslides)
    assert table["area_m2"].sum() == pytest.approx(sum(one.area for one in BOXES), rel=2e-3)
    apart = shapely.symmetric_difference(table.union_all(), shapely.union_all(BOXES))
    assert apart.area < 1, "the edges of these polygons are pixel edges"
    assert reference.geojson is not None
    assert len(gpd.read_file(reference.geojson)) == 2
    picture = ScenePicture.model_validate(
        run_task(PictureTask(source=made.source, channels=("B04", "B03", "B02"), out=tmp_path / "pictures"))
    )
    task = OverlayTask(background=picture.record, reference=reference.landslides, out=tmp_path / "overlay.webp")
    assert run_task(task)["width"] == 8 * WIDTH


def test_a_reference_on_another_grid_is_accepted_with_a_note(made: SceneResult, tmp_path: Path):
    coarse = write_raster(tmp_path / "t.tif", np.ones((20, 30), np.uint8), transform=NORTH_UP @ NORTH_UP.scale(3))
    reference = rasterize(tmp_path, made.source, coarse)
    assert reference.valid_fraction == pytest.approx(60 * 90 / (HEIGHT * WIDTH))
    assert "t.tif has another grid" in reference.notes[0]


def test_other_label_values_need_the_landslide_value(made: SceneResult, tmp_path: Path):
    other = write_raster(tmp_path / "t.tif", np.full((HEIGHT, WIDTH), 7, np.uint8))
    with pytest.raises(PageError, match=r"t\.tif holds the values 7.*'Landslide value' under 'Reference'"):
        rasterize(tmp_path / "a", made.source, other)
    assert rasterize(tmp_path / "b", made.source, other, landslide_values=(7,)).count == 1


def test_one_of_several_layers_is_chosen_by_its_name(made: SceneResult, tmp_path: Path):
    path = tmp_path / "t.gpkg"
    for name, shapes in (("slides", BOXES), ("lakes", BOXES[:1])):
        gpd.GeoSeries(list(shapes), crs=UTM).to_file(path, layer=name)
    with pytest.raises(PageError, match=r"'slides'.*'lakes'.*\(on this page: 'Layer' under 'Reference'\)"):
        rasterize(tmp_path / "a", made.source, path)
    assert rasterize(tmp_path / "b", made.source, path, layer="lakes").count == 1
    assert rasterize(tmp_path / "c", made.source, polygons(tmp_path / "u.geojson", crs="EPSG:4326"), layer="x").count


@pytest.mark.parametrize("name", ["t.gml", "t.csv", "t.svg"])
def test_other_formats_are_refused_with_the_list_of_those_that_are_read(made: SceneResult, tmp_path: Path, name: str):
    texts = {
        "t.gml": '<?xml version="1.0"?><gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml"/>',
        "t.csv": 'name,wkt\na,"POLYGON ((1 1, 2 1, 2 2, 1 1))"',
        "t.svg": '<?xml version="1.0"?><svg/>',
    }
    with pytest.raises(PageError) as refusal:
        rasterize(tmp_path, made.source, written(tmp_path / name, texts[name]))
    assert "choose a GeoPackage, GeoJSON, KML or KMZ, FlatGeobuf or GeoParquet file" in str(refusal.value)


def test_an_image_without_a_crs_accepts_a_reference_of_its_size(tmp_path: Path):
    source = made_scene(tmp_path, blobs(HEIGHT, WIDTH)).model_copy(update={"pixel_size_given_m": 10.0})
    bare = write_raster(
        tmp_path / "bare.tif", blobs(HEIGHT, WIDTH), crs=None, transform=None, descriptions=("B04", "B03", "B02")
    )
    source = source.model_copy(update={"paths": (bare,), "georeferenced": False})
    reference = rasterize(tmp_path, source, labels(tmp_path / "t.tif", crs=None, transform=None))
    assert (reference.count, reference.geojson) == (2, None)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def geojson(path: Path, **changes: object) -> Path:
    polygons(path, crs="EPSG:4326")
    return written(path, json.dumps(json.loads(path.read_text()) | changes))


def with_a_table_of_another_file(path: Path) -> Path:
    polygons(path)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA writable_schema = 1")
        table = "CREATE VIRTUAL TABLE x USING VirtualOGR('/etc')"
        database.execute("INSERT INTO sqlite_master VALUES ('table', 'x', 'x', 0, ?)", (table,))
    return path


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "empty": (lambda folder: written(folder / "t.gpkg", ""), "is empty"),
    "a picture": (lambda folder: written(folder / "t.tif", "GIF89a"), "is a GIF picture"),
    "patches": (lambda folder: written(folder / "t.h5", "\x89HDF"), "choose a GeoPackage"),
    "JSON of another kind": (lambda folder: written(folder / "t.json", '{"type": "Topology"}'), "not GeoJSON"),
    "JSON of great depth": (lambda folder: written(folder / "t.json", '{"a":' * 100_000), "not GeoJSON"),
    "a CRS that is a link": (
        lambda folder: geojson(
            folder / "t.geojson", crs={"type": "link", "properties": {"href": "http://127.0.0.1/x"}}
        ),
        "names its CRS in an unusual way",
    ),
    "a CRS that is a file": (
        lambda folder: geojson(folder / "t.geojson", crs={"type": "name", "properties": {"name": "/etc/passwd"}}),
        "names its CRS in an unusual way",
    ),
    "no feature": (lambda folder: geojson(folder / "t.geojson", features=[]), "holds no polygon"),
    "points": (lambda folder: polygons(folder / "t.gpkg", shapely.Point(500_000, 2_499_000)), "holds no polygon"),
    "another area": (
        lambda folder: polygons(folder / "t.gpkg", shapely.box(600_000, 2_400_000, 600_100, 2_400_100)),
        "none of the 1 polygons of t.gpkg overlaps",
    ),
    "a database of noise": (
        lambda folder: written(folder / "t.gpkg", "SQLite format 3\0" + "x" * 5000),
        "is damaged, or holds tables",
    ),
    "a table of another file": (
        lambda folder: with_a_table_of_another_file(folder / "t.gpkg"),
        "tables that point to other files",
    ),
    "two shapefiles": (lambda folder: shapefile_zip(folder / "t.zip", copies=2), "holds 2 shapefiles or KML files"),
    "half a shapefile": (
        lambda folder: shapefile_zip(folder / "t.zip", keep=lambda file: file.suffix == ".shp"),
        "t.zip",
    ),
    "a shapefile without its CRS": (
        lambda folder: shapefile_zip(folder / "t.zip", keep=lambda file: file.suffix != ".prj"),
        "has no CRS",
    ),
    "a zip cut short": (
        lambda folder: written(folder / "t.zip", "PK\x03\x04" + "x" * 300),
        "damaged or unusual zip",
    ),
    "many bands": (lambda folder: write_raster(folder / "t.tif", np.zeros((2, 9, 9), np.uint8)), "2 bands"),
    "too many pixels": (
        lambda folder: write_raster(folder / "t.tif", np.zeros((2001, 2000), np.uint8), compress="deflate"),
        "more than the limit of 4 million",
    ),
    "fractions": (lambda folder: write_raster(folder / "t.tif", np.full((9, 9), 0.5, np.float32)), "fractions"),
    "a raster of another area": (
        lambda folder: labels(folder / "t.tif", transform=NORTH_UP.translation(9e5, 9e6) @ NORTH_UP.scale(10, -10)),
        "t.tif",
    ),
    "nodata everywhere": (
        lambda folder: write_raster(folder / "t.tif", np.full((HEIGHT, WIDTH), 255, np.uint8), nodata=255),
        "t.tif is nodata everywhere",
    ),
}


@pytest.mark.parametrize(("make", "text"), BAD.values(), ids=BAD.keys())
def test_a_bad_reference_is_refused_in_one_sentence(
    made: SceneResult, tmp_path: Path, make: Callable[[Path], Path], text: str
):
    with pytest.raises(PageError) as refusal:
        rasterize(tmp_path, made.source, make(tmp_path))
    message = str(refusal.value)
    assert text in message
    assert "\n" not in message
    assert str(tmp_path) not in message, "no path of the server is shown"
    assert "--" not in message, "no command-line option is shown"
    assert "001-" not in message, "no name of our own is shown"


@pytest.mark.slow
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_worker_reads_every_format_without_the_network(made: SceneResult, tmp_path: Path):
    """In a worker GDAL sees no sidecar files; the companion files of a shapefile are read all the same."""
    requests: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            self.send_error(404)

    server = HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    link = {"type": "link", "properties": {"href": f"http://127.0.0.1:{server.server_port}/crs"}}
    pool = Pool([QueueSettings("read", 1, ProcessLimits(memory_mb=4000, file_mb=100, time_s=120), 10, 9, 9)])
    try:
        for name, make in MAKES.items():
            folder = tmp_path / name
            folder.mkdir()
            job = pool.submit("read", "me", reference_task(folder, made.source, make(folder)).to_json())
            assert job.wait(120).state == "done", job.progress.error
            assert job.result["count"] == 2
        task = reference_task(tmp_path, made.source, geojson(tmp_path / "t.geojson", crs=link))
        assert pool.submit("read", "me", task.to_json()).wait(120).state == "failed"
        linked = polygons(tmp_path / "l.kml", crs="EPSG:4326")
        href = f"http://127.0.0.1:{server.server_port}/more.kml"
        network_link = f"<NetworkLink><Link><href>{href}</href></Link></NetworkLink></Document>"
        written(linked, linked.read_text().replace("</Document>", network_link))
        job = pool.submit("read", "me", reference_task(tmp_path / "l", made.source, linked).to_json())
        assert job.wait(120).state == "done", job.progress.error
    finally:
        pool.close()
        server.shutdown()
        server.server_close()
    assert not requests


def test_the_mask_is_on_the_grid_of_the_scene(made: SceneResult, tmp_path: Path):
    reference = rasterize(tmp_path, made.source, labels(tmp_path / "t.tif"))
    with rasterio.open(reference.mask) as file:
        assert (file.crs, file.transform, file.shape) == (rasterio.CRS.from_string(UTM), NORTH_UP, (HEIGHT, WIDTH))
        with rasterio.open(tmp_path / "t.tif") as given:
            np.testing.assert_array_equal(file.read(1), given.read(1))
