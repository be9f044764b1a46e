"""Bands of different tiles or days are no scene; tiles side by side are."""

from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from landslip.errors import SceneError
from landslip.scenes.one_image import tile_in_name
from landslip.scenes.rasters import open_scene
from rasters import NORTH_UP, write_raster

VALUES = np.full((1, 8, 8), 900, np.uint16)
DAY, LATER = "20230818T041549", "20230823T041549"


def write(folder: Path, *names: str, **how: object) -> list[Path]:
    paths = []
    for name in names:
        path = folder / f"{name}.tif"
        path.parent.mkdir(exist_ok=True)
        values = VALUES.astype(np.uint8) if name.endswith("SCL_20m") else VALUES
        paths.append(write_raster(path, values, **how))
    return paths


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((f"T46QCK_{DAY}_B04", f"T46QCL_{DAY}_B03"), "different tiles: B04 of 46QCK (T46QCK"),
        ((f"S2A_46QCK_{DAY}_0_L2A-B04", f"S2A_46QCL_{DAY}_0_L2A-B03"), "different tiles: B04 of 46QCK"),
        ((f"T46QCK_{DAY}_B04", f"T46QCK_{LATER}_B03"), "different dates: B04 of 2023-08-18 (T46QCK"),
        ((f"T46QCK_{DAY}_B04_10m", f"T46QCK_{LATER}_SCL_20m"), "the scene classification of 2023-08-23"),
        (("2023-08-18/B04", "2023-08-23/B03"), "different dates: B04 of 2023-08-18 (B04.tif), B03 of 2023-08-23"),
        ((f"T46QCK_{DAY}/B04", f"T46QDK_{DAY}/B03"), "different tiles"),
    ],
)
def test_bands_of_two_images_are_refused(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    paths = write(tmp_path, *names)
    with pytest.raises(SceneError, match="give the bands of one image") as error:
        open_scene(paths if "/" in names[0] else tmp_path)
    assert words in str(error.value)
    assert error.value.parameter == "paths"


def test_the_tags_of_the_files_tell_their_day_too(tmp_path: Path) -> None:
    paths = [
        *write(tmp_path, "B04", tags={"ACQUISITION_DATE": "2023-08-18"}),
        *write(tmp_path, "B03", tags={"ACQUISITION_DATE": "2023-08-23"}),
    ]
    with pytest.raises(SceneError, match="different dates"):
        open_scene(paths)


@pytest.mark.parametrize(
    "names",
    [
        (f"T46QCK_{DAY}_B04", f"T46QCK_{DAY}_B03"),
        (f"T46QCK_{DAY}_B04", "B03"),
        (f"T46QCK_{DAY}_B04", "2011-02-11_dem"),
        ("T46QCK_20230818T041549_B04", "T46QCK_20230818T041603_B03"),
    ],
)
def test_bands_of_one_image_are_one_scene(tmp_path: Path, names: tuple[str, ...]) -> None:
    write(tmp_path, *names)
    assert len(open_scene(tmp_path).channels) == 2


def test_tiles_side_by_side_may_be_of_two_tiles_of_the_grid(tmp_path: Path) -> None:
    for number, tile in enumerate(("T46QCK", "T46QDK")):
        for band in ("B04", "B03"):
            write(tmp_path, f"{tile}_{DAY}_{band}", transform=NORTH_UP @ Affine.translation(8 * number, 0))
    assert open_scene(tmp_path).geobox.shape == (8, 16)


@pytest.mark.parametrize("name", ["B04", "10m", "dem_30m", "3DEM", "46ABC", "2023", "T61QCK"])
def test_other_words_are_no_tile(name: str) -> None:
    assert tile_in_name(name) is None
