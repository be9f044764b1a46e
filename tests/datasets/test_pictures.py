"""Pictures of patches: outlines, colours and sizes."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from landslip.channels import CHANNELS, TRUE_COLOUR, ndvi
from landslip.cli import landslip
from landslip.datasets.formats import open_patches
from landslip.datasets.patch_set import Patch
from landslip.datasets.pictures.contact_sheet import choose_patches, draw_contact_sheet
from landslip.datasets.pictures.detail_sheet import draw_detail_sheet
from landslip.datasets.pictures.views import count_landslides, describe_mask, draw_reference, make_views, shade_relief
from landslip.datasets.rgb import open_rgb_set
from landslip.errors import LandslipError, OutputError, PatchesError
from landslip.figures.colour_ramps import ELEVATION, NDVI, SLOPE, Ramp, legend
from landslip.figures.true_colour import stretch_true_colour
from landslip.probability import BACKGROUND, LANDSLIDE

ALL = tuple(name for name in CHANNELS if name != "B8A")
SIDE = 32


def patch(channels: tuple[str, ...] = TRUE_COLOUR, number: int = 1, mask: NDArray[np.uint8] | None = None) -> Patch:
    random = np.random.default_rng(number)
    values = random.uniform(300, 3000, (len(channels), SIDE, SIDE)).astype(np.float32)
    truth = np.zeros((SIDE, SIDE), np.uint8) if mask is None else mask
    return Patch(number, "A", 3, 4, channels, values, truth)


def reach(inside: NDArray[np.bool_], px: int) -> NDArray[np.bool_]:
    """What lies within so many pixels of the border between inside and outside."""
    padded = np.pad(inside, px, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * px + 1, 2 * px + 1))
    near: NDArray[np.bool_] = windows.any(axis=(2, 3)) & ~windows.all(axis=(2, 3))
    return near


@given(hnp.arrays(np.bool_, (8, 8)))
def test_outlines_follow_the_mask(coarse: NDArray[np.bool_]) -> None:
    truth = np.kron(coarse, np.ones((4, 4), np.bool_)).astype(np.uint8)
    grey = Image.new("RGB", (SIDE * 8, SIDE * 8), (128, 128, 128))
    drawn = np.asarray(draw_reference(grey, patch(mask=truth)))
    touched = (drawn != 128).any(axis=2)
    large = np.kron(truth == LANDSLIDE, np.ones((8, 8), np.bool_))
    border = reach(np.pad(large, 8), 3)[8:-8, 8:-8]
    # Nothing is drawn away from the border, and on either side of every border there is something.
    assert not (touched & ~border).any()
    inner = reach(large, 1)
    assert touched[inner].all()


def test_landslides_that_touch_at_a_corner_count_as_one() -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[2:4, 2:4] = mask[4:6, 4:6] = mask[20:24, 20:30] = LANDSLIDE
    assert count_landslides(mask) == 2
    assert count_landslides(np.full((SIDE, SIDE), 255, np.uint8)) == 0


def test_a_mask_is_described_in_words() -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    assert describe_mask(patch(mask=mask)) == "no landslide"
    mask[:16] = LANDSLIDE
    assert describe_mask(patch(mask=mask)) == "50.0% landslide"
    mask[16:] = 255
    assert describe_mask(patch(mask=mask)) == "100.0% landslide"
    assert describe_mask(patch(mask=np.full_like(mask, 255))) == "no labels"


def test_the_views_depend_on_the_channels() -> None:
    assert [view.title for view in make_views(patch(), 10)] == ["True colour"]
    assert [view.title for view in make_views(patch(ALL), 10)] == [
        "True colour",
        "False colour",
        "NDVI",
        "Slope",
        "Elevation",
    ]
    assert [view.title for view in make_views(patch(("elevation",)), 10)] == ["Elevation"]
    assert [view.title for view in make_views(patch(("B11", "B12")), 10)] == ["B11"]
    for view in make_views(patch(ALL), 10):
        assert view.rgb.shape == (SIDE, SIDE, 3)
        assert view.rgb.dtype == np.uint8


@given(hnp.arrays(np.float32, (3, 6, 5), elements=st.floats(1, 8192, width=32)), st.sampled_from([0.25, 2.0, 8.0]))
def test_the_gain_of_a_patch_does_not_change_its_picture(values: NDArray[np.float32], gain: float) -> None:
    observed = np.ones((6, 5), np.bool_)
    observed[0, 0] = False
    one, other = stretch_true_colour(values, observed), stretch_true_colour(values * np.float32(gain), observed)
    assert np.abs(one.astype(int) - other).max() <= 1
    assert (one[0, 0] == 0).all()


@given(hnp.arrays(np.float32, (9, 9), elements=st.floats(0, 4096, width=32)))
def test_a_brighter_pixel_is_not_drawn_darker(layer: NDArray[np.float32]) -> None:
    drawn = stretch_true_colour(np.stack([layer] * 3), np.ones(layer.shape, np.bool_))[..., 0].ravel()
    order = np.argsort(layer.ravel(), kind="stable")
    assert (np.diff(drawn[order].astype(int)) >= 0).all()


def test_flat_ground_is_fully_lit_and_slopes_by_their_aspect() -> None:
    np.testing.assert_allclose(shade_relief(np.full((9, 9), 700, np.float32), 10), 1, rtol=1e-6)
    row, col = np.mgrid[:9, :9].astype(np.float32)
    towards_the_light, away = (row + col) * 5, -(row + col) * 5
    assert shade_relief(towards_the_light, 10)[4, 4] > 1 > shade_relief(away, 10)[4, 4]


@pytest.mark.parametrize("ramp", [NDVI, SLOPE, ELEVATION])
def test_a_colour_scale_runs_from_its_first_to_its_last_colour(ramp: Ramp) -> None:
    painted = ramp.to_rgb(np.array([-9, 2, 3, 4, 99], np.float32), 2, 4)
    assert tuple(painted[0]) == tuple(painted[1]) == ramp.stops[0]
    assert tuple(painted[3]) == tuple(painted[4]) == ramp.stops[-1]
    assert legend(ramp, 2, 4, 200).size == (200, 16)


def test_sheets_have_a_panel_for_every_view() -> None:
    one = draw_contact_sheet([patch(ALL)], "title", "subtitle")
    three = draw_contact_sheet([patch(ALL, number) for number in (1, 2, 3)], "title", "subtitle")
    assert one.width == three.width == 6 * 256 + 5 * 8 + 2 * 36
    # A patch more is a line of words, a row of pictures and a gap more.
    assert three.height - one.height == 2 * (26 + 256 + 16)
    beside = draw_contact_sheet([patch(number=number) for number in (1, 2, 3)], "title", "subtitle")
    assert beside.width == 3 * (2 * 256 + 8) + 2 * 30 + 2 * 36
    unknown = patch(ALL, mask=np.full((SIDE, SIDE), 255, np.uint8))
    for shown in (patch(ALL), unknown, patch(), patch(("B11", "B12")), patch(("elevation",))):
        assert draw_detail_sheet(shown, "title").width > 800


def made_set(folder: Path) -> Path:
    for part in ("img", "mask"):
        (folder / part).mkdir(parents=True)
    for number in range(1, 13):
        random = np.random.default_rng(number)
        Image.fromarray(random.integers(0, 255, (16, 16, 3), np.uint8)).save(folder / f"img/image_{number}.png")
        Image.fromarray(random.random((16, 16)) < 0.2).save(folder / f"mask/mask_{number}.png")
    return folder


def test_patches_are_chosen_by_number_or_seed(tmp_path: Path) -> None:
    patches = open_rgb_set(made_set(tmp_path))
    assert [one.id for one in choose_patches(patches, ids=(7, 3)).patches] == [7, 3]
    drawn = choose_patches(patches, count=5, seed=1)
    assert [one.id for one in drawn.patches] == [one.id for one in choose_patches(patches, count=5, seed=1).patches]
    assert drawn.how == "5 of 12 at random, seed 1"
    assert len(choose_patches(patches, count=99).patches) == 12
    with pytest.raises(PatchesError, match="no patch 99: its numbers are 1 to 12"):
        choose_patches(patches, ids=(99,))
    with pytest.raises(PatchesError, match="no patches of scene Z"):
        choose_patches(patches, scene="Z")


def test_the_command_writes_a_picture_and_does_not_overwrite(tmp_path: Path) -> None:
    folder, out = made_set(tmp_path / "set"), tmp_path / "out" / "sheet.png"
    run = CliRunner().invoke(landslip, ["data", "show", str(folder), "-o", str(out), "--count", "3"])
    assert run.exit_code == 0, run.output
    assert str(out) in run.output
    with Image.open(out) as picture:
        assert picture.format == "PNG"
    for arguments, error in (
        ([str(folder), "-o", str(out)], OutputError),
        ([str(folder), "-o", str(tmp_path / "sheet.jpg")], OutputError),
        ([str(tmp_path / "nothing"), "-o", str(tmp_path / "new.png")], PatchesError),
        ([str(folder), "-o", str(tmp_path / "new.png"), "--id", "77"], PatchesError),
    ):
        failed = CliRunner().invoke(landslip, ["data", "show", *arguments])
        assert isinstance(failed.exception, error)
        assert isinstance(failed.exception, LandslipError)
    assert [path.name for path in out.parent.iterdir()] == ["sheet.png"]
    again = CliRunner().invoke(landslip, ["data", "show", str(folder), "-o", str(out), "--id", "3", "--overwrite"])
    assert again.exit_code == 0, again.output


def test_real_landslides_are_barer_than_their_surroundings(shared_data: Path) -> None:
    pytest.importorskip("h5py", reason="the original files are HDF5")
    patches = open_patches(shared_data / "l4s-h5")
    labelled = [one for one in choose_patches(patches, ids=(42, 168, 1002)).patches if (one.mask == LANDSLIDE).any()]
    assert len(labelled) == 3
    for one in labelled:
        layers = dict(zip(one.channels, one.values, strict=True))
        index = ndvi(layers["B04"], layers["B08"])
        assert np.abs(index).max() <= 1
        assert np.median(index[one.mask == LANDSLIDE]) < np.median(index[one.mask == BACKGROUND]) - 0.1
