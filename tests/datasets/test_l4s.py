"""The reader of Landslide4Sense pairs files by number and gives integer DN, degrees and metres without loss."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l4s_made import make_l4s, truth, whole, write_h5, write_image
from landslip.channels import ndvi
from landslip.datasets.check import check_l4s
from landslip.datasets.hdf5 import read_dataset
from landslip.datasets.l4s import open_l4s
from landslip.datasets.l4s_values import (
    DIVISORS,
    IMAGE,
    L4S_CHANNELS,
    OFFSETS,
    SIDE_PX,
    file_values,
    fits_16_bits,
    pack_values,
    to_integers,
    unpack_values,
)
from landslip.datasets.manifest import read_positions
from landslip.datasets.patch_set import Patch
from landslip.errors import MissingExtraError, PatchesError
from landslip.probability import BACKGROUND, LANDSLIDE, NODATA


def test_real_files_are_read_as_integers_without_loss(shared_data: Path) -> None:
    patches = open_l4s(shared_data / "l4s-h5")
    assert len(patches) == len(list((shared_data / "l4s-h5").glob("*Data/img/*.h5"))) > 0
    for entry in patches.entries:
        patch = patches.read(entry)
        assert patch.values.shape == (14, SIDE_PX, SIDE_PX)
        np.testing.assert_array_equal(patch.values, np.rint(patch.values))
        assert file_values(patch.values).tobytes() == read_dataset(entry.image, IMAGE).tobytes()


def test_real_values_are_physical(shared_data: Path) -> None:
    for patch in open_l4s(shared_data / "l4s-h5"):
        by_name = dict(zip(patch.channels, patch.values, strict=True))
        assert 0 <= by_name["slope"].min() <= by_name["slope"].max() <= 90
        assert -430 <= by_name["elevation"].min() <= by_name["elevation"].max() <= 8849
        assert all(0 <= by_name[name].min() <= by_name[name].max() <= 20_000 for name in patch.channels[:12])
        # Steep where the ground climbs: the slope follows from the elevation, one pixel being 10 m.
        climb = np.hypot(*np.gradient(by_name["elevation"], 10.0))
        assert np.corrcoef(np.degrees(np.arctan(climb)).ravel(), by_name["slope"].ravel())[0, 1] > 0.5


def test_real_landslides_have_less_vegetation_than_their_surroundings(shared_data: Path) -> None:
    labelled = [patch for patch in open_l4s(shared_data / "l4s-h5") if (patch.mask == LANDSLIDE).any()]
    assert labelled
    for patch in labelled:
        index = ndvi(*(patch.values[patch.channels.index(name)] for name in ("B04", "B08")))
        assert -1 <= index.min() <= index.max() <= 1
        assert index[patch.mask == LANDSLIDE].mean() < index[patch.mask == BACKGROUND].mean() - 0.1


@pytest.mark.parametrize("layout", ["official", "mirror"])
def test_both_layouts_give_the_same_patches(tmp_path: Path, layout: str) -> None:
    numbers = {"train": [1, 2, 10], "validation": [2], "test": [3, 1]}
    patches = open_l4s(make_l4s(tmp_path, numbers, masks={"train": [1, 2, 10], "test": [1]}, layout=layout))
    assert patches.layout == layout
    assert [(entry.split, entry.id) for entry in patches.entries] == [
        ("train", 1), ("train", 2), ("train", 10), ("validation", 2), ("test", 1), ("test", 3)
    ]  # fmt: skip
    seeds = (1, 2, 10, 10_002, 20_001, 20_003)
    for patch, seed in zip(patches, seeds, strict=True):
        np.testing.assert_array_equal(patch.values, np.moveaxis(whole(seed), -1, 0))
    assert [(patch.mask == NODATA).all() for patch in patches] == [False, False, False, True, False, True]


def test_stray_files_of_the_mirror_do_not_misalign_the_pairs(tmp_path: Path) -> None:
    numbers = [1, 2, 3, 5, 8, 13, 21]
    folder = make_l4s(tmp_path, {"train": numbers}, layout="mirror")
    for number in (1, 4, 7, 20, 300):
        write_h5(folder / f"annotations/train/image_{number}.h5", "mask", truth(99))
    # What pairing two sorted lists does: strays first, so every pair is wrong.
    images, masks = (sorted((folder / part / "train").glob("*.h5")) for part in ("images", "annotations"))
    pairs = zip(images, masks, strict=False)
    assert not any(
        image.stem.split("_")[1:] == mask.stem.split("_")[1:] and "mask" in mask.stem for image, mask in pairs
    )
    patches = open_l4s(folder)
    assert [entry.id for entry in patches.entries] == numbers
    for patch in patches:
        np.testing.assert_array_equal(patch.mask, truth(patch.id))


def test_positions_are_read_by_split_and_number(tmp_path: Path) -> None:
    folder = make_l4s(tmp_path, {"train": [1, 2], "test": [1]}, masks={})
    assert {(entry.scene, entry.row, entry.col) for entry in open_l4s(folder).entries} == {("unknown", None, None)}
    (folder / "manifest.csv").write_text("l4s_id,scene,row,col\n1,A,0,0\n2,A,0,1\n")
    expected = [("A", 0, 0), ("A", 0, 1), ("unknown", None, None)]
    assert [(entry.scene, entry.row, entry.col) for entry in open_l4s(folder).entries] == expected
    table = tmp_path / "positions.csv"
    table.write_text("split,id,scene,row,col\ntest,1,T,4,\ntrain,2,B,7,8\n")
    places = read_positions(table)
    expected = [("unknown", None, None), ("B", 7, 8), ("T", 4, None)]
    assert [(entry.scene, entry.row, entry.col) for entry in open_l4s(folder, places).entries] == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("id,scene,row\n1,A,0\n", "lacks columns"),
        ("id,scene,row,col\n1,A,0,0\n1,A,0,1\n", "lists patch 1 of train twice"),
        ("id,split,scene,row,col\n1,exam,A,0,0\n", "'exam' is not a split"),
        ("id,scene,row,col\none,A,0,0\n", "cannot be read"),
        ("id,scene,row,col\n1,A\n", "cannot be read"),
        ("id,scene,row,col\n1,A\x07,0,0\n", "one line of plain text"),
    ],
)
def test_a_damaged_table_of_positions_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "positions.csv").write_text(text)
    with pytest.raises(PatchesError, match=reason):
        read_positions(tmp_path / "positions.csv")


def test_a_folder_of_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PatchesError, match="is not a folder"):
        open_l4s(tmp_path / "nowhere")
    with pytest.raises(PatchesError, match="not a folder of Landslide4Sense"):
        open_l4s(tmp_path)
    (tmp_path / "TrainData/img").mkdir(parents=True)
    with pytest.raises(PatchesError, match="has no images"):
        open_l4s(tmp_path)
    (tmp_path / "images/train").mkdir(parents=True)
    with pytest.raises(PatchesError, match="both layouts"):
        open_l4s(tmp_path)


def test_two_files_with_the_same_number_are_refused(tmp_path: Path) -> None:
    folder = make_l4s(tmp_path, {"train": [1]})
    write_image(folder / "TrainData/img/image_01.h5", whole(7))
    with pytest.raises(PatchesError, match=r"image_1\.h5 and image_01\.h5 have the same number"):
        open_l4s(folder)


def test_values_other_than_integers_are_refused(tmp_path: Path) -> None:
    folder = make_l4s(tmp_path, {"train": [1]})
    numbers = whole(1).astype(float)
    numbers[5, 6, 3] += 0.4
    write_image(folder / "TrainData/img/image_1.h5", numbers)
    with pytest.raises(PatchesError, match="is not DN / divisor in B04"):
        next(iter(open_l4s(folder)))


@given(st.integers(0, 65_535), st.integers(0, 13))
def test_all_16_bit_integers_survive_division_and_packing(number: int, channel: int) -> None:
    offset = int(OFFSETS[channel])
    numbers = np.zeros((2, 3, len(L4S_CHANNELS)))
    numbers[1, 2, channel] = number - offset
    values = numbers / DIVISORS
    back = np.empty((len(L4S_CHANNELS), 2, 3), np.float32)
    assert to_integers(values, back).all()
    assert fits_16_bits(back).all()
    np.testing.assert_array_equal(back, np.moveaxis(numbers, -1, 0))
    again = np.empty_like(back)
    unpack_values(pack_values(back), again)
    assert file_values(again).tobytes() == values.tobytes()


@given(st.floats(0, 1).filter(lambda share: share not in (0, 1)), st.integers(0, 13))
def test_a_value_that_differs_by_one_bit_is_found(share: float, channel: int) -> None:
    numbers = np.full((1, 1, len(L4S_CHANNELS)), float(int(share * 30_000)))
    values = numbers / DIVISORS
    values[..., channel] = np.nextafter(values[..., channel], np.inf)
    exact = to_integers(values, np.empty((len(L4S_CHANNELS), 1, 1), np.float32))
    assert not exact[channel]
    assert exact.sum() == len(L4S_CHANNELS) - 1


def test_without_h5py_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_l4s(tmp_path, {"train": [1]})
    monkeypatch.setitem(sys.modules, "h5py", None)
    for attempt in (lambda: next(iter(open_l4s(folder))), lambda: check_l4s(folder)):
        with pytest.raises(MissingExtraError, match=r"pip install 'landslip\[train\]'"):
            attempt()


def test_channels_are_selected_by_name(tmp_path: Path) -> None:
    patch: Patch = next(iter(open_l4s(make_l4s(tmp_path, {"train": [4]}))))
    assert patch.channels == L4S_CHANNELS
    assert (len(patch.channels), patch.channels[12:]) == (14, ("slope", "elevation"))
    assert "B8A" not in patch.channels
