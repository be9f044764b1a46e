"""The corpus of bad inputs, through the command line and the page's readers.

An input is refused in one sentence and leaves no file of a result, or it is read with a warning that names the doubt.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given as any_of
from hypothesis import settings
from hypothesis import strategies as st

from bad_inputs import BAD_INPUTS, BadInput
from bad_polygons import geometries
from command_line import Outcome, run
from landslip.mapping.products import PRODUCTS
from landslip.page.errors import PageError
from landslip.page.jobs.results import SceneReference, SceneResult
from landslip.page.jobs.tasks import ReferenceTask, SceneSource, Source
from landslip.page.server.settings import PageSettings
from landslip.page.uploads.receive import IMAGE_KINDS, REFERENCE_KINDS, receive
from landslip.scenes.rasters import open_scene
from page_made import LIMITS, Arriving, detector_file, made_scene, map_source, read, run_task
from rasters import write_raster
from scenes_made import TRUE_COLOUR, blobs

SETTINGS = PageSettings(max_files=10, max_upload_mb=100, max_session_mb=1000)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> SceneResult:
    """A map of a scene of 40 x 50 pixels."""
    folder = tmp_path_factory.mktemp("finished")
    return map_source(folder, made_scene(folder, blobs(40, 50)), detector_file(folder))


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return detector_file(tmp_path_factory.mktemp("detector"))


def command(bad: BadInput, given: Sequence[Path], finished: SceneResult, detector: Path, out: Path) -> list[object]:
    """Return the arguments of the command that reads the input."""
    (scene,) = finished.source.paths
    mapped: list[object] = ["-o", out, "--min-area", "0"]
    return {
        "scene": ["map", *given, "--detector", detector, *mapped],
        "area": ["map", scene, "--detector", detector, "--aoi", given[0], *mapped],
        "detector": ["map", scene, "--detector", given[0], *mapped],
        "reference": ["evaluate-map", finished.folder, "--truth", given[0]],
        "check": ["data", "check", given[0], "-q"],
        "patches": ["data", "pack", given[0], out, "-q"],
        "recipe": ["train", given[0], "--data", given[0].parent, "-o", out, "-q"],
    }[bad.command]


def files_of(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def is_one_sentence(message: str) -> bool:
    return bool(message) and "\n" not in message and len(message) < 900


def check(bad: BadInput, outcome: Outcome, out: Path) -> None:
    lines = outcome.err.strip().splitlines()
    assert "Traceback" not in outcome.err
    if bad.warning:
        assert outcome.code == (bad.command == "check"), outcome.err
        assert bad.warning in outcome.err + outcome.out
        return
    assert outcome.code in (1, 2), f"read without a word: {outcome.err}{outcome.out}"
    assert lines[-1].startswith("landslip: "), outcome.err
    assert len([line for line in lines if line.startswith("landslip: ")]) == 1, outcome.err
    assert is_one_sentence(lines[-1]), outcome.err
    assert bad.error in lines[-1], lines[-1]
    assert outcome.out == ""
    assert not out.exists() or not [name for name in PRODUCTS if (out / name).exists()]


def test_there_are_at_least_150_bad_inputs() -> None:
    assert len(BAD_INPUTS) >= 150


# From GDAL, on a damaged GeoPackage, which is then refused.
@pytest.mark.filterwarnings("ignore:GPKG:RuntimeWarning")
@pytest.mark.parametrize("bad", BAD_INPUTS.values(), ids=BAD_INPUTS.keys())
def test_a_bad_input_is_refused_or_read_with_a_warning(
    bad: BadInput, finished: SceneResult, detector: Path, tmp_path: Path
) -> None:
    (tmp_path / "given").mkdir()
    given = bad.make(tmp_path / "given")
    before, out = files_of(finished.folder), tmp_path / "out"
    check(bad, run(*command(bad, given, finished, detector, out)), out)
    assert files_of(finished.folder) == before


def upload_and_read(bad: BadInput, given: Sequence[Path], finished: SceneResult, folder: Path) -> tuple[str, ...]:
    """Read an input as the page does; return the notes and warnings that it shows."""
    kinds = REFERENCE_KINDS if bad.command == "reference" else IMAGE_KINDS
    files = [Arriving(path.name, path.read_bytes()) for path in given]
    uploads = receive(files, folder, SETTINGS, kinds)
    if bad.command == "reference":
        task = ReferenceTask(folder=folder, upload=uploads[0], source=finished.source, limits=LIMITS)
        reference = SceneReference.model_validate(run_task(task))
        partly = f"{reference.valid_fraction:.0%} of the scene is labelled" if reference.valid_fraction < 1 else ""
        return (*reference.notes, partly)
    result = read(folder, *uploads)
    return (*result.notes, *(text for source in result.sources for text in (*source.notes, *_warnings(source))))


def _warnings(source: Source) -> tuple[str, ...]:
    if not isinstance(source, SceneSource):
        return ()
    size = f"pixel size of {source.pixel_size_m:g} m" if abs(source.pixel_size_m / 10 - 1) > 0.2 else ""
    valid = "" if source.valid_fraction else "no pixel is valid"
    return (*source.warnings, size, valid)


HARMLESS_ON_THE_PAGE = (
    "scene: a wrong georeference beside it",
    "scene: a name with a line break",
    "scene: one file twice",
)
"""The page stores files under its own names, without files beside them, and takes two whole files as two scenes."""


@pytest.mark.filterwarnings("ignore:GPKG:RuntimeWarning")
@pytest.mark.parametrize(
    "name",
    [
        name
        for name, bad in BAD_INPUTS.items()
        if bad.command in ("scene", "reference") and name not in HARMLESS_ON_THE_PAGE
    ],
)
def test_the_page_refuses_a_bad_input_or_shows_the_doubt(name: str, finished: SceneResult, tmp_path: Path) -> None:
    bad = BAD_INPUTS[name]
    (tmp_path / "given").mkdir()
    given = bad.make(tmp_path / "given")
    if not all(path.is_file() for path in given):
        pytest.skip("no file that a browser could send")
    folder = tmp_path / "session" / "upload"
    try:
        shown = " ".join(upload_and_read(bad, given, finished, folder))
    except PageError as error:
        message = str(error)
        assert is_one_sentence(message)
        assert str(tmp_path) not in message, "no path of the server is shown"
        assert "--" not in message, "no command-line option is shown"
        return
    assert shown.strip(), "read without a word"
    assert bad.warning in re.sub(r"\d{3}-", "", shown)


@settings(max_examples=25)
@any_of(st.integers(8, 400), st.binary(min_size=1, max_size=12))
def test_a_geotiff_with_random_bytes_in_its_header_is_refused_or_read_as_gdal_reads_it(
    tmp_path_factory: pytest.TempPathFactory, position: int, content: bytes
) -> None:
    """The directory of the file lies in the bytes that change; the pixels lie behind it."""
    path = tmp_path_factory.mktemp("header") / "scene.tif"
    write_raster(path, blobs(12, 12), descriptions=TRUE_COLOUR, nodata=0)
    raw = bytearray(path.read_bytes())
    raw[position : position + len(content)] = content
    path.write_bytes(raw)
    outcome = run("scene", "inspect", path, "--json")
    assert "Traceback" not in outcome.err
    if outcome.code:
        assert outcome.code == 2
        assert is_one_sentence(outcome.err.strip().splitlines()[-1])
        return
    scene = open_scene(path)
    if scene.warnings or any(layer.gain != 1 or layer.offset for layer in scene.layers.values()):
        return
    values, valid = scene.read(scene.channels)
    with rasterio.open(path) as file:
        bands = [file.descriptions.index(name) + 1 for name in scene.channels]
        expected = file.read(bands).astype(np.float32)
    np.testing.assert_array_equal(values[:, valid], expected[:, valid])


@settings(max_examples=25)
@any_of(st.lists(geometries, min_size=1, max_size=4))
def test_any_geojson_is_refused_or_mapped_with_a_warning(
    finished: SceneResult, detector: Path, tmp_path_factory: pytest.TempPathFactory, made: list[object]
) -> None:
    folder = tmp_path_factory.mktemp("area")
    features = [{"type": "Feature", "properties": {}, "geometry": geometry} for geometry in made]
    (folder / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    (scene,) = finished.source.paths
    out = folder / "out"
    outcome = run("map", scene, "--detector", detector, "--aoi", folder / "a.geojson", "-o", out, "-q")
    assert "Traceback" not in outcome.err
    if outcome.code:
        assert outcome.code == 2
        assert is_one_sentence(outcome.err.strip().splitlines()[-1])
        assert not out.exists() or not files_of(out)
