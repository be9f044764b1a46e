"""Maps of two dates: layers, attributes, files, independence of blocks, and resumed runs."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

from landslip.api_maps import map_scene as map_with_api
from landslip.change.detector import ChangeDetector
from landslip.errors import DetectorError, SettingsError
from landslip.grid.window import Window
from landslip.mapping.job import MapSettings
from landslip.mapping.run import MapResult, map_scene
from landslip.scenes.masks.kinds import WHITE
from landslip.scenes.rasters import open_scene
from landslip.scenes.scene import Scene
from landslip.synthetic.patch_pairs import smooth_field
from map_comparison import assert_equal_maps
from rasters import write_raster
from scenes_made import StoppedError, stop_at
from tiny_detectors import brightening, brightness

SIDE = 150
DETECTOR = brightness(threshold=0.9)
NEW, OLD = (slice(60, 76), slice(40, 56)), (slice(100, 116), slice(90, 106))
SNOW_SIDE = 40
SNOW = (slice(50, 50 + SNOW_SIDE), slice(35, 35 + SNOW_SIDE))


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scene, Scene]:
    """After and before: one bright square on both dates, another after only."""
    folder = tmp_path_factory.mktemp("scenes")
    random = np.random.default_rng(4)
    relief = np.exp(0.2 * smooth_field(SIDE, SIDE, 18, random) + 0.08 * random.normal(size=(SIDE, SIDE)))
    ground = np.array([200, 240, 280])[:, None, None] * relief
    made = []
    for name, bright in (("after", (NEW, OLD)), ("before", (OLD,))):
        values = (ground if name == "after" else 0.8 * ground + 20).copy()
        for place in bright:
            values[:, *place] = np.array([6000, 4500, 3500])[:, None, None]
        path = folder / f"{name}.tif"
        write_raster(path, values.astype(np.uint16), descriptions=("B04", "B03", "B02"), nodata=0)
        made.append(open_scene(path))
    return made[0], made[1]


def run(scenes: tuple[Scene, Scene], out: Path, block: int = 64, masks: str = "auto", **more: object) -> MapResult:
    after, before = scenes
    settings = MapSettings(block_px=block, threads=1, masks=masks)
    return map_scene(after, DETECTOR, out, settings, before=[before], **more)


def test_old_ground_goes_to_its_own_layer(scenes: tuple[Scene, Scene], tmp_path: Path) -> None:
    result = run(scenes, tmp_path / "map")
    (new,), not_new = list(result.landslides.itertuples()), result.not_new
    assert not_new is not None
    assert len(not_new) == result.summary.change.not_new == 1
    assert new.new > result.summary.threshold > not_new["new"].iloc[0]
    assert new.change_after - new.change_before > 0.5
    assert abs(not_new["change_after"].iloc[0] - not_new["change_before"].iloc[0]) < 0.3
    assert not new.geometry.intersects(not_new.geometry.iloc[0])
    with rasterio.open(tmp_path / "map" / "change.tif") as change:
        assert change.scales[0] == 0.004
        assert "brightness" in change.descriptions[1]
    report = (tmp_path / "map" / "report.html").read_text(encoding="utf-8")
    # The detector's own confidence was fitted on single images.
    assert "Confidence is the mean probability inside the polygon that it is a landslide and new." in report
    assert "What became of the candidates" in report
    assert set(result.summary.files) >= {"change.tif", "overview.png"}


@pytest.fixture(scope="module")
def snowy(scenes: tuple[Scene, Scene], tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The image before with snow on the place of the new square and beside it."""
    values, _ = scenes[1].read(("B04", "B03", "B02"), Window(0, 0, SIDE, SIDE))
    values[:, *SNOW] += np.float32(0.5) * (7000 - values[:, *SNOW])
    path = tmp_path_factory.mktemp("snowy") / "before.tif"
    write_raster(path, values.astype(np.uint16), descriptions=("B04", "B03", "B02"), nodata=0)
    return open_scene(path)


def test_snow_before_is_nodata_and_counted(scenes: tuple[Scene, Scene], snowy: Scene, tmp_path: Path) -> None:
    result = run((scenes[0], snowy), tmp_path / "map")
    (record,) = result.summary.masks
    assert (record.name, record.effect) == ("white", "nodata")
    assert 1 <= record.pixels / (SNOW_SIDE * SNOW_SIDE) < 1.3
    with (
        rasterio.open(tmp_path / "map" / "probability.tif") as new,
        rasterio.open(tmp_path / "map" / "masks.tif") as masks,
    ):
        hidden = masks.read(1) == WHITE.code
        assert hidden[SNOW].all()
        np.testing.assert_array_equal(new.read(1) == 255, hidden)
        assert record.pixels == hidden.sum()
    assert not len(result.landslides)
    assert any("snow or cloud" in text for text in result.warnings)


def test_snow_after_is_nodata_too(scenes: tuple[Scene, Scene], snowy: Scene, tmp_path: Path) -> None:
    assert not len(run((snowy, scenes[1]), tmp_path / "map").landslides)
    shown = run((snowy, scenes[1]), tmp_path / "shown", masks="none")
    assert len(shown.landslides)
    assert not shown.summary.masks


def test_white_ground_of_one_image_is_refused(scenes: tuple[Scene, Scene], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="give an image before"):
        map_scene(scenes[0], DETECTOR, tmp_path / "map", MapSettings(masks="white"))


def test_the_map_does_not_depend_on_blocks(scenes: tuple[Scene, Scene], snowy: Scene, tmp_path: Path) -> None:
    for block in (48, 4096):
        run((scenes[0], snowy), tmp_path / str(block), block)
    assert_equal_maps(tmp_path / "48", tmp_path / "4096")
    one, other = (rasterio.open(tmp_path / name / "change.tif") for name in ("48", "4096"))
    with one, other:
        np.testing.assert_array_equal(one.read(), other.read())


def test_a_stopped_run_resumes_only_with_the_same_image_before(scenes: tuple[Scene, Scene], tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        run(scenes, tmp_path / "map", progress=stop_at(0.5))
    assert run(scenes, tmp_path / "map").summary.resumed
    run(scenes, tmp_path / "fresh")
    assert_equal_maps(tmp_path / "map", tmp_path / "fresh")
    after, before = scenes
    with pytest.raises(StoppedError):
        run(scenes, tmp_path / "other", progress=stop_at(0.5))
    assert not run((after, after), tmp_path / "other").summary.resumed
    assert before.identity != after.identity


def test_the_same_image_twice_holds_nothing_new(scenes: tuple[Scene, Scene], tmp_path: Path) -> None:
    result = run((scenes[0], scenes[0]), tmp_path / "map")
    assert result.summary.landslides == 0
    assert result.summary.change.not_new == 2


def test_a_network_of_two_dates_finds_what_is_new(scenes: tuple[Scene, Scene], tmp_path: Path) -> None:
    change = ChangeDetector.of(brightening(threshold=0.2))
    result = run(scenes, tmp_path / "map", change=change)
    (new,) = result.landslides.itertuples()
    assert result.summary.change is not None
    assert (result.summary.change.detector, result.summary.threshold) == ("brightening", 0.2)
    assert new.new > 0.2
    assert result.not_new is not None
    assert len(result.not_new) == 1


def test_a_network_of_two_dates_does_not_depend_on_blocks(scenes: tuple[Scene, Scene], tmp_path: Path) -> None:
    change = ChangeDetector.of(brightening())
    assert_equal_maps(
        run(scenes, tmp_path / "a", block=32, change=change).folder,
        run(scenes, tmp_path / "b", block=1024, change=change).folder,
    )


def test_exchanged_dates_and_one_image_twice_hold_nothing_new(scenes: tuple[Scene, Scene], tmp_path: Path) -> None:
    change = ChangeDetector.of(brightening())
    after, before = scenes
    for name, pair in (("exchanged", (before, after)), ("twice", (before, before))):
        assert run(pair, tmp_path / name, change=change).summary.landslides == 0


def test_a_detector_of_two_dates_needs_the_image_before(scenes: tuple[Scene, Scene], tmp_path: Path) -> None:
    after, before = scenes
    with pytest.raises(SettingsError, match="needs the image before the event"):
        map_with_api(after, tmp_path / "a", brightening())
    with pytest.raises(SettingsError, match="give one of them"):
        map_with_api(after, tmp_path / "b", brightening(), before=before, change_detector="rgb-change-baseline")
    with pytest.raises(DetectorError, match="takes one date"):
        map_with_api(after, tmp_path / "c", DETECTOR, before=before, change_detector=DETECTOR)
    assert not list(tmp_path.iterdir())
