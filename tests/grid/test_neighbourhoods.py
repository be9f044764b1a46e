"""Laws of neighbourhoods: what grows, shrinks or moves does so by its radius and the same in any window."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from landslip.grid.neighbourhoods import grow, is_near, project, remove_narrow

MASKS = arrays(np.bool_, st.tuples(st.integers(1, 14), st.integers(1, 14)))
RADII = st.integers(0, 4)


def within(mask: NDArray[np.bool_], reach: int, distance: str) -> NDArray[np.bool_]:
    """By brute force: where a marked pixel is within a reach."""
    rows, cols = np.nonzero(mask)
    here = np.indices(mask.shape)
    down, right = np.abs(here[0][..., None] - rows), np.abs(here[1][..., None] - cols)
    far = np.maximum(down, right) if distance == "square" else down + right
    return np.asarray((far <= reach).any(axis=-1))


@given(MASKS, RADII)
def test_near_is_a_square(mask: NDArray[np.bool_], reach: int) -> None:
    np.testing.assert_array_equal(is_near(mask, reach), within(mask, reach, "square"))


@given(MASKS, RADII)
def test_growth_lies_between_diamond_and_square(mask: NDArray[np.bool_], radius: int) -> None:
    grown = grow(mask, radius)
    assert (grown >= within(mask, radius, "diamond")).all()
    assert (grown <= within(mask, radius, "square")).all()


@given(MASKS, st.integers(1, 3))
def test_removing_narrow_parts_only_removes_and_does_so_once(mask: NDArray[np.bool_], radius: int) -> None:
    wide = remove_narrow(mask, radius)
    assert (wide <= mask).all()
    np.testing.assert_array_equal(remove_narrow(wide, radius), wide)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 6])
def test_a_band_narrower_than_the_octagon_is_removed(width: int) -> None:
    mask = np.zeros((20, 30), np.bool_)
    mask[8 : 8 + width] = True
    assert remove_narrow(mask, 2).any() == (width >= 5)


@given(MASKS, st.integers(-6, 6), st.integers(-6, 6))
def test_a_projection_covers_its_start_and_end(mask: NDArray[np.bool_], down: int, right: int) -> None:
    covered = project(mask, down, right)
    assert (covered >= mask).all()
    end = np.zeros_like(mask)
    for row, col in np.argwhere(mask) + np.array([down, right]):
        if 0 <= row < mask.shape[0] and 0 <= col < mask.shape[1]:
            end[row, col] = True
    assert (covered >= end).all()


@given(arrays(np.bool_, (24, 24)), st.integers(1, 3), st.integers(-4, 4))
def test_the_inside_of_a_window_is_the_same_in_any_window(mask: NDArray[np.bool_], radius: int, right: int) -> None:
    window, inner = (slice(2, 22), slice(3, 21)), (slice(6, -6), slice(6, -6))
    for change in (
        lambda m: grow(m, radius),
        lambda m: remove_narrow(m, radius),
        lambda m: is_near(m, radius),
        lambda m: project(m, 2, right),
    ):
        np.testing.assert_array_equal(change(mask[window])[inner], change(mask)[window][inner])
