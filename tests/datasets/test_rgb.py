"""The reader of RGB patches pairs files by number, keeps ratios, and refuses damaged sets."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from landslip.channels import CHANNELS, DN_PER_STEP, TRUE_COLOUR
from landslip.datasets.patch_set import Patch, stack_patches
from landslip.datasets.rgb import open_rgb_set, png_to_dn
from landslip.errors import PatchesError


def picture(number: int, size: int = 8) -> NDArray[np.uint8]:
    return np.random.default_rng(number).integers(0, 256, (size, size, 3), np.uint8)


def truth(number: int, size: int = 8) -> NDArray[np.uint8]:
    return np.random.default_rng(number).integers(0, 2, (size, size), np.uint8)


def make_set(folder: Path, numbers: list[int], *, manifest: bool = False) -> Path:
    for part in ("img", "mask"):
        (folder / part).mkdir(parents=True)
    for number in numbers:
        Image.fromarray(picture(number)).save(folder / f"img/image_{number}.png")
        Image.fromarray(truth(number).astype(bool)).save(folder / f"mask/mask_{number}.png")
    if manifest:
        with (folder / "manifest.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["l4s_id", "scene", "row", "col", "landslide_pixels"])
            rows.writerows([number, "A", number // 4, number % 4, int(truth(number).sum())] for number in numbers)
    return folder


def test_pairs_by_number_not_by_order_of_names(tmp_path: Path) -> None:
    # Sorted as text, 10 comes before 2: pairing two sorted lists of names would still work here, so one number is
    # missing on both sides and the names have different lengths.
    patches = open_rgb_set(make_set(tmp_path, [2, 10, 1, 33]))
    assert [patch.id for patch in patches] == [1, 2, 10, 33]
    for patch in patches:
        np.testing.assert_array_equal(patch.mask, truth(patch.id))
        np.testing.assert_array_equal(patch.values, png_to_dn(picture(patch.id)))


@given(hnp.arrays(np.uint8, (4, 5, 3)))
def test_relative_dn_reproduce_the_picture(image: NDArray[np.uint8]) -> None:
    divisors = np.array([CHANNELS[name].l4s_divisor for name in TRUE_COLOUR])
    back = np.moveaxis(png_to_dn(image), 0, -1) / (divisors * DN_PER_STEP)
    np.testing.assert_allclose(back, image, atol=1e-3)


def test_positions_are_read_from_the_manifest(tmp_path: Path) -> None:
    with_manifest = open_rgb_set(make_set(tmp_path / "with", [5, 6], manifest=True))
    assert [(entry.scene, entry.row, entry.col) for entry in with_manifest.entries] == [("A", 1, 1), ("A", 1, 2)]
    without = open_rgb_set(make_set(tmp_path / "without", [5, 6]))
    assert {(entry.scene, entry.row, entry.col) for entry in without.entries} == {("unknown", None, None)}


def test_missing_and_stray_files_are_refused(tmp_path: Path) -> None:
    folder = make_set(tmp_path, [1, 2, 3])
    (folder / "mask/mask_2.png").unlink()
    with pytest.raises(PatchesError, match="has no mask"):
        open_rgb_set(folder)
    (folder / "img/image_2.png").unlink()
    (folder / "mask/image_7.png").touch()
    with pytest.raises(PatchesError, match=r"mask/image_7\.png does not belong"):
        open_rgb_set(folder)
    (folder / "mask/image_7.png").unlink()
    (folder / "img/image_01.png").touch()
    with pytest.raises(PatchesError, match="same number"):
        open_rgb_set(folder)


def test_a_folder_of_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PatchesError, match="folder img/ is missing"):
        open_rgb_set(tmp_path)
    with pytest.raises(PatchesError, match="has no patches"):
        open_rgb_set(make_set(tmp_path / "empty", []))


@pytest.mark.parametrize("damage", ["truncated", "no PNG", "grey", "size"])
def test_damaged_pictures_are_refused(tmp_path: Path, damage: str) -> None:
    patches = open_rgb_set(make_set(tmp_path, [4]))
    path = tmp_path / "img/image_4.png"
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-40])
    elif damage == "no PNG":
        path.write_bytes(b"GIF89a")
    elif damage == "grey":
        Image.fromarray(truth(4)).save(path)
    else:
        Image.fromarray(picture(4, size=9)).save(path)
    with pytest.raises(PatchesError, match=r"image_4\.png"):
        list(patches)


def test_a_manifest_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    """A byte order mark before the first name, and spaces around the name of a scene."""
    folder = make_set(tmp_path / "set", [1, 2])
    (folder / "manifest.csv").write_text("\ufeffid,scene,row,col\n1,A,0,0\n2,A ,0,1\n", encoding="utf-8")
    assert {entry.scene for entry in open_rgb_set(folder).entries} == {"A"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,scene\n1,A\n", "lacks columns"),
        ("l4s_id,scene,row,col\n1,A,x,0\n", "cannot be read"),
        ("l4s_id,scene,row,col\n1,A\n", "cannot be read"),
        ("l4s_id,scene,row,col\n9,A,0,0\n", "does not list patch 1"),
    ],
)
def test_an_invalid_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    folder = make_set(tmp_path, [1])
    (folder / "manifest.csv").write_text(text)
    with pytest.raises(PatchesError, match=message):
        open_rgb_set(folder)


def test_patches_of_different_kinds_are_not_stacked() -> None:
    def patch(size: int) -> Patch:
        return Patch(1, "A", 0, 0, TRUE_COLOUR, np.zeros((3, size, size), np.float32), np.zeros((size, size), np.uint8))

    assert len(stack_patches([patch(4), patch(4)])) == 2
    with pytest.raises(PatchesError, match="differ in channels or size"):
        stack_patches([patch(4), patch(5)])
    with pytest.raises(PatchesError, match="no patches to stack"):
        stack_patches([])


def test_the_real_set_is_read(shared_data: Path) -> None:
    patches = open_rgb_set(shared_data / "l4s-rgb")
    assert len(patches) == 1632
    assert patches.scenes == ("A", "B", "C")
    with (shared_data / "l4s-rgb/manifest.csv").open(newline="") as file:
        pixels = {int(row["l4s_id"]): int(row["landslide_pixels"]) for row in csv.DictReader(file)}
    some = patches.where(lambda entry: entry.id % 50 == 0)
    for patch in some:
        assert patch.values.shape == (3, 128, 128)
        assert patch.mask.sum() == pixels[patch.id]


def test_ratios_of_the_real_set_equal_those_of_the_original_files(shared_data: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="the original files are HDF5")
    patches = open_rgb_set(shared_data / "l4s-rgb").where(lambda entry: entry.id in (42, 168, 1002))
    for patch in patches:
        with h5py.File(next((shared_data / "l4s-h5").rglob(f"image_{patch.id}.h5"))) as file:
            original = np.asarray(file["img"])
        dn = [original[..., CHANNELS[name].l4s_index] * CHANNELS[name].l4s_divisor for name in patch.channels]
        factor = float(np.median(np.stack(dn) / np.maximum(patch.values, 1)))
        # A step of the 8-bit picture is lost to rounding down.
        step = max(CHANNELS[name].l4s_divisor or 0 for name in patch.channels) * DN_PER_STEP * factor
        np.testing.assert_allclose(patch.values * factor, np.stack(dn), atol=1.5 * step)


def _palette(mask: NDArray[np.uint8], *colours: tuple[int, int, int]) -> Image.Image:
    made = Image.fromarray(mask, "L").convert("P")
    made.putdata(mask.ravel().tolist())
    made.putpalette([value for colour in colours for value in colour])
    return made


def _coloured(mask: NDArray[np.uint8], background: tuple[int, ...], landslide: tuple[int, ...]) -> Image.Image:
    return Image.fromarray(np.where(mask[..., None], np.array(landslide), np.array(background)).astype(np.uint8))


LABEL_TOOL_MASKS = {
    "1 bit": lambda mask: Image.fromarray(mask.astype(bool)),
    "grey 0 and 255": lambda mask: Image.fromarray(mask * 255),
    "grey 0 and 1": Image.fromarray,
    "grey, 16 bit": lambda mask: Image.fromarray(mask.astype(np.uint16) * 65535),
    "palette, black and red": lambda mask: _palette(mask, (0, 0, 0), (128, 0, 0)),
    "palette, red before black": lambda mask: _palette(1 - mask, (200, 30, 30), (0, 0, 0)),
    "RGB, black and white": lambda mask: _coloured(mask, (0, 0, 0), (255, 255, 255)),
    "RGBA, opaque": lambda mask: _coloured(mask, (0, 0, 0, 255), (255, 0, 0, 255)),
    "RGBA, transparent background": lambda mask: _coloured(mask, (255, 255, 255, 0), (0, 200, 0, 128)),
    "grey with alpha": lambda mask: Image.fromarray(np.stack([mask * 255, np.full_like(mask, 255)], -1), "LA"),
}


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
@pytest.mark.parametrize("kind", LABEL_TOOL_MASKS)
def test_masks_of_label_tools_are_read(tmp_path: Path, kind: str) -> None:
    patches = open_rgb_set(make_set(tmp_path, [1, 2, 3]))
    for number, mask in ((1, truth(1)), (2, np.zeros((8, 8), np.uint8)), (3, np.ones((8, 8), np.uint8))):
        LABEL_TOOL_MASKS[kind](mask).save(tmp_path / f"mask/mask_{number}.png")
        np.testing.assert_array_equal(patches.read(patches.entries[number - 1]).mask, mask)


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
@pytest.mark.parametrize(
    ("picture_of", "found"),
    [
        (lambda mask: Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)), "the values 0, 1, 2, 3, 4"),
        (lambda mask: Image.fromarray(mask + 1), "the values 1, 2"),
        (lambda mask: Image.fromarray(mask * 3), "the values 0, 3"),
        (lambda mask: Image.fromarray(mask * 254 + 1), "the values 1, 255"),
        (lambda mask: _coloured(mask, (255, 255, 255), (255, 0, 0)), "the colours #ff0000, #ffffff"),
        (
            lambda mask: _coloured(mask, (255, 255, 255, 0), (0, 0, 0, 255)),
            "the colours #000000 and transparent pixels",
        ),
        (
            lambda mask: _palette(mask + np.eye(8, dtype=np.uint8), (0, 0, 0), (9, 0, 0), (0, 9, 0)),
            "the colours #000000, #000900, #090000",
        ),
    ],
    ids=[
        "many values",
        "no background",
        "a class",
        "no zero",
        "white and red",
        "black on transparent",
        "three colours",
    ],
)
def test_masks_with_other_values_are_refused_with_the_values(tmp_path: Path, picture_of: object, found: str) -> None:
    patches = open_rgb_set(make_set(tmp_path, [1]))
    picture_of(truth(1)).save(tmp_path / "mask/mask_1.png")  # type: ignore[operator]
    with pytest.raises(PatchesError, match=rf"mask_1\.png has {found}"):
        patches.read(patches.entries[0])


def test_files_of_operating_systems_are_skipped(tmp_path: Path) -> None:
    folder = make_set(tmp_path, [1])
    for name in ("img/._image_1.png", "mask/.DS_Store", "img/Thumbs.db"):
        (folder / name).write_bytes(b"")
    assert len(open_rgb_set(folder)) == 1


@pytest.mark.parametrize(
    ("rows", "words"),
    [("1,A,0,0\n2,A,0,0\n", "patches 1 and 2 of scene 'A' at the same row"), ("1,A,-1,0\n2,A,0,0\n", "negative row")],
)
def test_positions_that_no_scene_has_are_refused(tmp_path: Path, rows: str, words: str) -> None:
    folder = make_set(tmp_path, [1, 2])
    (folder / "manifest.csv").write_text(f"id,scene,row,col\n{rows}")
    with pytest.raises(PatchesError, match=words):
        open_rgb_set(folder)
