"""Chips without landslides: both conversions to DN, the part that is kept apart, and damaged folders."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from landslip.channels import CHANNELS, TRUE_COLOUR
from landslip.datasets.class_chips import chip_to_dn, keep_apart, open_chips, read_chip
from landslip.errors import PatchesError

CHIPS = arrays(np.uint8, (4, 5, 3), elements=st.integers(20, 255))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    chance = np.random.default_rng(0)
    for kind in ("Forest", "River"):
        (tmp_path / kind).mkdir()
        for number in (1, 2, 10, 11):
            picture = chance.integers(30, 200, (64, 64, 3), np.uint8)
            Image.fromarray(picture).save(tmp_path / kind / f"{kind}_{number}.jpg")
    return tmp_path


@given(CHIPS)
def test_relative_brightness_keeps_the_ratios_of_dn_within_a_chip(chip: np.ndarray) -> None:  # type: ignore[type-arg]
    absolute, relative = chip_to_dn(chip, "absolute"), chip_to_dn(chip, "relative")
    divisors = np.array([CHANNELS[name].l4s_divisor for name in TRUE_COLOUR])[:, None, None]
    x, y = absolute / divisors, relative / divisors
    # Rounding down to 8 bits takes at most one of 255 steps of the brightest value.
    assert np.abs(y / y.max() - x / x.max()).max() <= 1.01 / 255


@given(CHIPS)
def test_relative_brightness_does_not_depend_on_exposure(chip: np.ndarray) -> None:  # type: ignore[type-arg]
    half = chip // 2 * 2
    a, b = chip_to_dn(half, "relative"), chip_to_dn((half // 2).astype(np.uint8), "relative")
    assert np.allclose(a, b)


def test_all_of_a_chip_is_background(folder: Path) -> None:
    chips = open_chips(folder)
    assert len(chips) == 8
    assert chips.scenes == ("Forest", "River")
    assert all((patch.mask == 0).all() and patch.values.shape == (3, 64, 64) for patch in chips)


def test_the_part_kept_apart_has_the_highest_numbers_of_each_class(folder: Path) -> None:
    entries = open_chips(folder).entries
    assert {path.stem for path in keep_apart(entries, 2)} == {"Forest_10", "Forest_11", "River_10", "River_11"}
    assert keep_apart(entries, 0) == frozenset()
    assert len(keep_apart(entries, 99)) == len(entries)


def test_a_damaged_chip_and_a_folder_without_chips_are_refused(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (folder / "River" / "River_1.jpg").write_bytes(b"no picture")
    with pytest.raises(PatchesError, match="cannot be read as a picture"):
        list(open_chips(folder))
    with pytest.raises(PatchesError, match="has no chips"):
        open_chips(tmp_path_factory.mktemp("empty"))
    with pytest.raises(PatchesError, match="is not a folder"):
        open_chips(folder / "nowhere")
    Image.new("RGB", (4, 4)).save(folder / "Forest" / "other_2.png")
    with pytest.raises(PatchesError, match="the same number"):
        open_chips(folder)


def test_eurosat_forest_in_dn_is_as_dark_as_forest_at_the_top_of_the_atmosphere(shared_data: Path) -> None:
    """Dense forest in Level-1C images: red 200 to 800 DN, and blue brighter than red by scattering."""
    files = sorted((shared_data / "eurosat-rgb" / "Forest").glob("*.jpg"))[:20]
    red, _, blue = np.mean([chip_to_dn(read_chip(file), "absolute").mean(axis=(1, 2)) for file in files], axis=0)
    assert 200 < red < 800
    assert blue > red
