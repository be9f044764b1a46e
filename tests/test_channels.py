"""The channel table: spellings of names, and numbers that agree with real data."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslip.channels import CHANNELS, TRUE_COLOUR, find_channel, find_channels, ndvi
from landslip.errors import ChannelError


def spellings() -> Iterator[tuple[str, str]]:
    for name, channel in CHANNELS.items():
        yield name, name
        yield f" {name.lower()} ", name
        if name.startswith("B0"):
            yield f"B{name[2:]}", name
        if channel.common_name:
            yield channel.common_name.upper(), name


@pytest.mark.parametrize(("spelling", "name"), list(spellings()))
def test_a_channel_is_found_however_it_is_spelt(spelling: str, name: str) -> None:
    assert find_channel(spelling).name == name


@pytest.mark.parametrize("text", ["", "B13", "B00", "B", "8", "infrared", "B8B", "red,green"])
def test_an_unknown_channel_is_refused_by_name(text: str) -> None:
    with pytest.raises(ChannelError, match="expected B01"):
        find_channel(text)


def test_a_channel_given_twice_is_named() -> None:
    with pytest.raises(ChannelError, match="B04"):
        find_channels(["red", "B03", "b4"])
    assert find_channels(["red", "green", "blue"]) == TRUE_COLOUR


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        CHANNELS["B99"] = CHANNELS["B01"]  # type: ignore[index] # that it is refused is the point


def test_the_spectrum_runs_from_blue_to_infrared() -> None:
    wavelengths = [one.wavelength_nm for one in CHANNELS.values() if one.wavelength_nm]
    assert wavelengths == sorted(wavelengths)
    assert len(wavelengths) == 13


def test_landslide4sense_has_fourteen_channels_in_its_order() -> None:
    of_l4s = sorted((one for one in CHANNELS.values() if one.l4s_index is not None), key=lambda one: one.l4s_index)
    assert [one.l4s_index for one in of_l4s] == list(range(14))
    assert [one.name for one in of_l4s[-2:]] == ["slope", "elevation"]
    assert all(one.l4s_divisor for one in of_l4s)


def test_divisors_turn_real_landslide4sense_values_into_whole_numbers(shared_data: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py reads Landslide4Sense's own files")
    with h5py.File(shared_data / "l4s-h5" / "TrainData" / "img" / "image_42.h5") as file:
        image = np.asarray(file["img"])
    for channel in CHANNELS.values():
        if channel.l4s_index is not None and channel.kind == "reflectance":
            dn = image[..., channel.l4s_index] * channel.l4s_divisor
            np.testing.assert_allclose(dn, np.rint(dn), atol=1e-3)


@given(st.floats(0, 20_000, width=32), st.floats(0, 20_000, width=32))
def test_ndvi_lies_between_minus_one_and_one_and_turns_with_its_inputs(red: float, nir: float) -> None:
    one, other = np.array([red], np.float32), np.array([nir], np.float32)
    index = ndvi(one, other)
    assert -1 <= index <= 1
    np.testing.assert_array_equal(index, -ndvi(other, one))
