"""Several images after an event: one image twice changes nothing, clouds are filled, the order does not matter."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

import landslip
from landslip.change.composite_scene import compose
from landslip.cli import main
from landslip.errors import ChannelError, SceneError, SettingsError
from landslip.grid.window import Window
from landslip.mapping.job import MapSettings
from landslip.mapping.run import MapResult, map_scene
from landslip.mapping.workspace import sha256_of
from landslip.scenes.rasters import open_scene
from landslip.scenes.scene import Scene
from map_comparison import assert_equal_maps
from rasters import write_raster
from scenes_made import StoppedError, memory_scene, stop_at
from tiny_detectors import brightness

FOLDER = Path(__file__).parents[2] / "examples" / "hokkaido"
CROP = rasterio.windows.Window(300, 40, 240, 200)
DETECTOR = brightness(threshold=0.5)
SETTINGS = MapSettings(block_px=64, threads=1)
UNSEEN, CLOUD = (slice(0, 200), slice(0, 100)), (slice(60, 110), slice(150, 200))
BYTES = ("probability.tif", "landslides.parquet")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scene]:
    """A part of the real pair, and of the image after: with clouds, and in the light of two other days."""
    folder = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(2)

    def write(name: str, values: NDArray[np.generic], day: int | None, profile: rasterio.profiles.Profile) -> Scene:
        path = folder / f"{name}.tif"
        with rasterio.open(path, "w", **profile) as file:
            file.write(values.astype(np.uint16))
            file.descriptions = ("B04", "B03", "B02")
            if day:
                file.update_tags(TIFFTAG_DATETIME=f"2018:09:{day:02} 01:00:00")
        return open_scene([path])

    made = {}
    for name in ("before", "after"):
        with rasterio.open(FOLDER / f"{name}.tif") as file:
            made[name] = file.read(window=CROP)
            profile = {key: file.profile[key] for key in ("driver", "dtype", "nodata", "count", "crs")}
            profile |= {"height": 200, "width": 240, "transform": file.window_transform(CROP)}
    cloudy = made["after"].copy()
    cloudy[:, *UNSEEN] = 0
    cloudy[:, *CLOUD] = np.array([7000, 7200, 7500])[:, None, None]
    lights = [gain * made["after"] + haze + random.normal(0, 3, cloudy.shape) for gain, haze in ((0.9, 30), (1.1, -20))]
    return {
        "before": write("before", made["before"], 1, profile),
        "after": write("after", made["after"], 10, profile),
        "cloudy": write("cloudy", cloudy, 10, profile),
        "dim": write("dim", lights[0], 20, profile),
        "bright": write("bright", lights[1], 25, profile),
    }


def run(scene: Scene, out: Path, *after: Scene, **more: object) -> MapResult:
    return map_scene(scene, DETECTOR, out, SETTINGS, after=after, **more)


def values(result: MapResult) -> NDArray[np.uint8]:
    with rasterio.open(result.probability) as file:
        return file.read(1)


@pytest.mark.parametrize("pair", [False, True])
def test_the_scene_itself_as_further_image_gives_the_same_bytes(
    images: dict[str, Scene], tmp_path: Path, *, pair: bool
) -> None:
    before = [images["before"]] if pair else []
    one = run(images["after"], tmp_path / "one", before=before)
    twice = run(images["after"], tmp_path / "twice", images["after"], before=before)
    for name in (*BYTES, *(("masks.tif", "change.tif") if pair else ())):
        assert sha256_of(one.folder / name) == sha256_of(twice.folder / name), name
    assert [image.name for image in twice.summary.scene.images] == ["after", "after"]
    assert not one.summary.scene.images


def test_clouds_are_filled_and_mapped(images: dict[str, Scene], tmp_path: Path) -> None:
    clear, filled = run(images["after"], tmp_path / "a"), run(images["cloudy"], tmp_path / "b", images["dim"])
    encoded, expected = values(filled), values(clear)
    for place in (UNSEEN, CLOUD):
        found, wanted = (one[place] >= DETECTOR.card.threshold / 0.004 for one in (encoded, expected))
        assert wanted.any() or place == CLOUD
        assert (found != wanted).mean() < 0.02
    assert not (encoded == 255).any()
    assert filled.summary.valid_fraction == 1
    assert filled.summary.scene.date == datetime(2018, 9, 20, 1, tzinfo=UTC)
    assert (values(run(images["cloudy"], tmp_path / "c"))[UNSEEN] == 255).all()
    report = (filled.folder / "report.html").read_text(encoding="utf-8")
    assert "10 September 2018 to 20 September 2018" in report
    assert "gives the grid and the light" in report


def test_the_light_of_a_further_image_is_brought_to_that_of_the_scene(images: dict[str, Scene]) -> None:
    made, composite = compose(images["after"], [images["dim"]], [None, None])
    gain, offset = composite.members[1].light["B04"]
    assert gain == pytest.approx(1 / 0.9, abs=0.02)
    assert offset == pytest.approx(-30 / 0.9, abs=15)
    window = Window(0, 0, 200, 240)
    read, _ = made.read(("B04",), window)
    expected, _ = images["after"].read(("B04",), window)
    assert np.abs(read - expected).mean() < 10


def test_the_order_of_further_images_does_not_matter(images: dict[str, Scene], tmp_path: Path) -> None:
    one = run(images["cloudy"], tmp_path / "a", images["dim"], images["bright"], before=[images["before"]])
    other = run(images["cloudy"], tmp_path / "b", images["bright"], images["dim"], before=[images["before"]])
    assert_equal_maps(one.folder, other.folder)
    for name in (*BYTES, "masks.tif", "change.tif"):
        assert sha256_of(one.folder / name) == sha256_of(other.folder / name), name
    assert one.summary.identity == other.summary.identity
    assert one.summary.change is not None
    assert one.summary.change.date_after == datetime(2018, 9, 25, 1, tzinfo=UTC)


def test_the_map_does_not_depend_on_blocks_and_resumes_with_the_same_images_only(
    images: dict[str, Scene], tmp_path: Path
) -> None:
    def start(out: Path, *after: Scene) -> None:
        with pytest.raises(StoppedError):
            run(images["cloudy"], out, *after, progress=stop_at(0.5))

    whole = map_scene(
        images["cloudy"], DETECTOR, tmp_path / "whole", MapSettings(block_px=512, threads=1), after=[images["dim"]]
    )
    start(tmp_path / "map", images["dim"])
    resumed = run(images["cloudy"], tmp_path / "map", images["dim"])
    assert resumed.summary.resumed
    assert_equal_maps(resumed.folder, whole.folder)
    start(tmp_path / "other", images["dim"])
    assert not run(images["cloudy"], tmp_path / "other", images["bright"]).summary.resumed


def test_each_image_is_hidden_by_its_own_masks(tmp_path: Path) -> None:
    """Snow by the infrared in different places: what one image shows is mapped, what none shows is nodata."""
    names = ("B04", "B03", "B02", "B08", "B11")
    ground = np.random.default_rng(3).uniform(400, 600, (5, 90, 90))
    first, second = ground.copy(), ground + 50
    for image, cols in ((first, slice(0, 50)), (second, slice(40, 90))):
        image[:, 20:70, cols] = np.array([6000, 6000, 6000, 5500, 600])[:, None, None]
    scenes = [memory_scene(image.astype(np.float32), names) for image in (first, second)]
    settings = MapSettings(masks=("snow",), threads=1, min_area_m2=0)
    result = map_scene(scenes[0], DETECTOR, tmp_path / "map", settings, after=[scenes[1]])
    nodata = values(result) == 255
    expected = np.zeros_like(nodata)
    expected[20:70, 40:50] = True
    np.testing.assert_array_equal(nodata, expected)
    (record,) = result.summary.masks
    assert (record.name, record.pixels) == ("snow", 500)
    # Of 90 x 90 pixels, every fifth along rows and columns, too few show the ground in both.
    assert any("its light is left as it is" in text for text in result.warnings)


def test_images_that_do_not_belong_together_are_refused(images: dict[str, Scene], tmp_path: Path) -> None:
    out = tmp_path / "map"
    far = memory_scene(np.full((3, 60, 60), 500, np.float32))
    with pytest.raises(SceneError, match="after the event does not overlap"):
        run(images["after"], out, far)
    red = memory_scene(images["after"].read(("B04",))[0], ("B04",))
    with pytest.raises(ChannelError, match="B03, B02"):
        run(images["after"], out, red)
    early = replace(images["dim"], date=datetime(2018, 8, 1, tzinfo=UTC))
    with pytest.raises(SceneError, match="'dim' after it of 2018-08-01"):
        run(images["after"], out, early, before=[images["before"]])
    names = ("B04", "B03", "B02")
    infrared = images["after"].read((*names, "B04", "B03"))[0]
    wide = replace(memory_scene(infrared, (*names, "B08", "B11")), geobox=images["after"].geobox)
    with pytest.raises(ChannelError, match=r"left out B08, B11, which image 'dim' after the event lacks"):
        map_scene(wide, brightness(("B08", "B04", "B03")), out, SETTINGS, after=[images["dim"]])
    with pytest.raises(SettingsError, match="'snow' cannot be made for scene 'dim'"):
        map_scene(wide, DETECTOR, out, MapSettings(masks=("snow",)), after=[images["dim"]])
    assert not out.exists()


def test_the_function_takes_further_images_and_many_scenes_do_not(
    images: dict[str, Scene], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = landslip.map_scene(images["cloudy"], tmp_path / "api", DETECTOR, after=images["dim"], threads=1)
    assert [image.name for image in result.summary.scene.images] == ["cloudy", "dim"]
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        write_raster(folder / "s.tif", np.full((3, 40, 40), 500, np.uint16), descriptions=("B04", "B03", "B02"))
    with pytest.raises(SystemExit):
        main(["map", *map(str, folders), "--after", str(folders[0]), "-o", str(tmp_path / "maps")])
    assert "--after goes with one scene, got 2" in capsys.readouterr().err
    assert not (tmp_path / "maps").exists()
