"""Synthetic files: read back bit for bit, equal for equal seeds, complete or absent."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import geopandas as gpd
import h5py
import numpy as np
import pyogrio
import pytest
import rasterio
from click.testing import CliRunner
from rasterio.features import rasterize

from landslip.channels import CHANNELS
from landslip.cli.data.make import command
from landslip.datasets.l4s import open_l4s
from landslip.errors import OutputError, PatchesError
from landslip.grid.terrain import slope_deg
from landslip.grid.window import Window
from landslip.scenes.rasters import open_scene
from landslip.synthetic import patch_set
from landslip.synthetic.patch_set import make_patch_set, make_patches, plan_patch_set, simulate_block
from landslip.synthetic.region import PIXEL_M, make_region
from landslip.synthetic.scene_files import make_scene

SEED = 4


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "set"
    make_patch_set(folder, plan_patch_set(11, 2, SEED), seed=SEED)
    return folder


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "scene"
    # Not a multiple of 2, 6 or the block size.
    make_scene(folder, make_region(2, SEED, 271, 805))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_bytes(made: Path, tmp_path: Path) -> None:
    make_patch_set(tmp_path / "again", plan_patch_set(11, 2, SEED), seed=SEED)
    assert contents(tmp_path / "again") == contents(made)


def test_layout_and_types_are_those_of_landslide4sense(made: Path) -> None:
    names = {
        f"TrainData/{kind}/{stem}_{one}.h5"
        for kind, stem in (("img", "image"), ("mask", "mask"))
        for one in range(1, 12)
    }
    assert set(contents(made)) == names | {"manifest.csv", "synthetic.json"}
    with h5py.File(made / "TrainData/img/image_7.h5") as image, h5py.File(made / "TrainData/mask/mask_7.h5") as mask:
        assert (list(image), list(mask)) == (["img"], ["mask"])
        assert (image["img"].shape, image["img"].dtype) == ((128, 128, 14), np.float64)
        assert (mask["mask"].shape, mask["mask"].dtype) == ((128, 128), np.uint8)
        # Like the real files: neither chunked nor compressed.
        assert (image["img"].chunks, image["img"].compression) == (None, None)
        assert set(np.unique(mask["mask"][()])) <= {0, 1}


def test_the_reader_returns_the_simulated_values_bit_for_bit(made: Path) -> None:
    read = {patch.id: patch for patch in open_l4s(made)}
    reference = {patch.id: patch for plan in plan_patch_set(11, 2, SEED) for patch in make_patches(plan)}
    assert read.keys() == reference.keys()
    for number, patch in reference.items():
        assert np.array_equal(read[number].values, patch.values)
        assert np.array_equal(read[number].mask, patch.mask)
        assert read[number].channels == patch.channels


def test_values_are_integers_that_fit_a_16_bit_store(made: Path) -> None:
    for patch in open_l4s(made):
        assert np.array_equal(patch.values, np.rint(patch.values))
        assert 0 <= patch.values.min() <= patch.values.max() < 2**16


def test_the_slope_channel_matches_the_elevation_channel(made: Path) -> None:
    for patch in open_l4s(made):
        layers = dict(zip(patch.channels, patch.values, strict=True))
        again = slope_deg(layers["elevation"], PIXEL_M, PIXEL_M)
        # Rounding to metres shifts each gradient by at most 8 x 0.5 m / 80 m, rounding to degrees the slope by 0.5.
        # The outermost pixels use elevation beyond the patch.
        bound = np.degrees(np.hypot(0.05, 0.05)) + 0.5
        assert np.abs(again - layers["slope"])[1:-1, 1:-1].max() <= bound + 1e-3


def test_the_manifest_locates_each_patch_and_neighbours_are_contiguous(made: Path) -> None:
    with (made / "manifest.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [int(line["l4s_id"]) for line in lines] == list(range(1, 12))
    assert [line["scene"] for line in lines] == ["monsoon"] * 6 + ["volcanic"] * 5
    patches = {(one.scene, one.row, one.col): one for plan in plan_patch_set(11, 2, SEED) for one in make_patches(plan)}
    assert {(line["scene"], int(line["row"]), int(line["col"])) for line in lines} == set(patches)
    elevation = patches["monsoon", 0, 0].channels.index("elevation")
    left, right = patches["monsoon", 0, 0].values[elevation], patches["monsoon", 0, 1].values[elevation]
    inside = np.abs(np.diff(left, axis=1)).mean()
    assert np.abs(right[:, 0] - left[:, -1]).mean() < 2 * inside + 0.5
    for line in lines:
        one = patches[line["scene"], int(line["row"]), int(line["col"])]
        assert int(line["landslide_pixels"]) == one.mask.sum()


def test_a_patch_is_independent_of_the_block_it_is_simulated_in() -> None:
    plan = plan_patch_set(20, 1, SEED)[0]
    from landslip.synthetic.landscape import Landscape

    landscape = Landscape(plan.region)
    whole, mask = simulate_block(landscape, Window(0, 0, 384, 640))
    for row, col in ((0, 0), (1, 3), (2, 4)):
        window = Window(row * 128, col * 128, 128, 128)
        values, own_mask = simulate_block(landscape, window)
        assert np.array_equal(values, whole[:, *window.slices])
        assert np.array_equal(own_mask, mask[window.slices])


def test_regions_differ_enough_for_scene_out_validation(tmp_path: Path) -> None:
    means = {}
    for plan in plan_patch_set(16, 4, SEED):
        values = np.stack([patch.values for patch in make_patches(plan)])
        means[plan.region.name] = values.mean((0, 2, 3))
    assert len(means) == 4
    names = list(means)
    for number, one in enumerate(names):
        for other in names[:number]:
            ratio = np.abs(np.log(means[one] / means[other]))
            assert (ratio > 0.1).sum() >= 4, (one, other)


def test_files_are_marked_as_synthetic(made: Path, scene: Path) -> None:
    for file in (made / "synthetic.json", scene / "metadata.json"):
        assert "no place on Earth" in json.loads(file.read_text())["what"]
    with rasterio.open(next(scene.glob("*_B04.tif"))) as band:
        assert "no place on Earth" in band.tags()["SYNTHETIC"]


def test_a_scene_opens_with_all_channels_and_its_date(scene: Path) -> None:
    opened = open_scene(scene)
    assert set(opened.channels) == set(CHANNELS) - {"slope"}
    assert (opened.height, opened.width) == (271, 805)
    assert opened.geobox.crs.epsg == 32645
    assert opened.date is not None
    assert opened.date.isoformat() == "2021-10-20T04:57:41+00:00"
    assert opened.warnings == ()
    for name, side in (("B02", 10), ("B05", 20), ("B8A", 20), ("B09", 60), ("elevation", 10)):
        with rasterio.open(next(scene.glob(f"*_{name}.tif"))) as band:
            assert band.res == (side, side)
            assert band.bounds.left == opened.geobox.boundingbox.left
            assert band.bounds.top == opened.geobox.boundingbox.top
            assert band.width == -(-805 * 10 // side)
            assert band.dtypes == (("float32",) if name == "elevation" else ("uint16",))


def test_reference_polygons_match_the_mask_and_their_areas(scene: Path) -> None:
    from landslip.synthetic.landscape import Landscape

    reference = gpd.read_file(scene / "reference.gpkg")
    landscape = Landscape(make_region(2, SEED, 271, 805))
    with rasterio.open(next(scene.glob("*_B04.tif"))) as band:
        burnt = rasterize(reference.geometry, band.shape, transform=band.transform)
        assert reference.crs == band.crs
        left, bottom, right, top = reference.total_bounds
        assert band.bounds.left <= left < right <= band.bounds.right
        assert band.bounds.bottom <= bottom < top <= band.bounds.top
    assert np.array_equal(burnt, landscape.landslide_mask(Window(0, 0, 271, 805)))
    assert burnt.sum() > 0
    assert np.allclose(reference.area_m2, reference.area)
    assert reference.id.tolist() == list(range(1, len(reference) + 1))


def test_a_scene_can_be_one_pixel(tmp_path: Path) -> None:
    count = make_scene(tmp_path / "one", make_region(0, 0, 1, 1))
    assert open_scene(tmp_path / "one").height == 1
    assert len(gpd.read_file(tmp_path / "one" / "reference.gpkg")) == count


@pytest.mark.parametrize(("patches", "regions", "seed"), [(3, 4, 0), (0, 0, 0), (1, 1, -1), (300_000, 1, 0)])
def test_an_impossible_patch_set_is_an_error(patches: int, regions: int, seed: int) -> None:
    with pytest.raises(PatchesError):
        plan_patch_set(patches, regions, seed)


def test_existing_files_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="new or empty"):
        make_patch_set(tmp_path, plan_patch_set(1, 1, 0), seed=0)
    assert contents(tmp_path) == {"mine.txt": b"mine"}


def test_a_run_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(plan: Any) -> Any:
        yield next(make_patches(plan))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(patch_set, "make_patches", fails)
    with pytest.raises(OutputError, match="No space left"):
        make_patch_set(tmp_path / "set", plan_patch_set(2, 1, 0), seed=0)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".unfinished").mkdir()
    (tmp_path / ".unfinished" / "left.txt").write_text("by a killed run")
    make_patch_set(Path(), plan_patch_set(1, 1, 0), seed=0)
    assert {path.name for path in tmp_path.iterdir()} == {"TrainData", "manifest.csv", "synthetic.json"}


def test_a_geopackage_that_cannot_be_written_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise pyogrio.errors.DataSourceError("disk full")

    monkeypatch.setattr("pyogrio.write_dataframe", fails)
    with pytest.raises(OutputError, match="disk full"):
        make_scene(tmp_path / "scene", make_region(0, 0, 12, 12))
    assert list(tmp_path.iterdir()) == []


def test_the_command_prints_a_summary_and_the_next_command(tmp_path: Path) -> None:
    given = {"set": ["--patches", "2", "--regions", "1"], "scene": ["--scene", "--size", "60", "70", "--region", "1"]}
    for name, options in given.items():
        result = CliRunner().invoke(command, [str(tmp_path / name), "--quiet", *options])
        assert result.exit_code == 0, result.output
        assert "simulated" in result.output
        assert "Next: landslip" in result.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--scene", "--patches", "3"], "applies to patches"),
        (["--size", "60", "60"], "needs --scene"),
        (["--clouds", "1.5"], "clouds"),
    ],
)
def test_options_without_effect_are_errors(tmp_path: Path, options: list[str], words: str) -> None:
    result = CliRunner().invoke(command, [str(tmp_path / "out"), *options])
    assert result.exit_code == 2
    assert words in result.output
    assert list(tmp_path.iterdir()) == []


def test_disk_space_is_checked_before_the_simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(OutputError, match="free disk space"):
        make_patch_set(tmp_path / "set", plan_patch_set(2, 1, 0), seed=0)
    with pytest.raises(OutputError, match="free disk space"):
        make_scene(tmp_path / "scene", make_region(0, 0, 60, 60))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_memory_is_bounded_for_any_scene_size(tmp_path: Path) -> None:
    """Memory does not grow with the scene, except for the coarse grid, which is bounded."""
    program = (
        "import sys; from pathlib import Path\n"
        # Not getrusage, which reports the process of the tests.
        "from landslip.mapping.metadata.summary import peak_rss_mb\n"
        "from landslip.synthetic.region import make_region\n"
        "from landslip.synthetic.scene_files import make_scene\n"
        "make_scene(Path(sys.argv[2]), make_region(0, 0, int(sys.argv[1]), int(sys.argv[1])))\n"
        "print(peak_rss_mb())"
    )
    peaks_mb = [
        float(
            subprocess.run(
                [sys.executable, "-c", program, side, tmp_path / side], capture_output=True, check=True
            ).stdout
        )
        for side in ("1200", "3000")
    ]
    assert peaks_mb[1] < peaks_mb[0] + 250
    assert peaks_mb[1] < 700
