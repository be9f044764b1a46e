"""Windows: rectangles of pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslip.grid.window import Window

windows = st.builds(Window, st.integers(-20, 20), st.integers(-20, 20), st.integers(1, 20), st.integers(1, 20))


def pixels(window: Window) -> set[tuple[int, int]]:
    return {(row, col) for row in range(window.row, window.bottom) for col in range(window.col, window.right)}


@given(windows, windows)
def test_the_intersection_holds_the_pixels_that_both_hold(one, other):
    shared = one.intersection(other)
    assert (pixels(shared) if shared else set()) == pixels(one) & pixels(other)
    assert shared == other.intersection(one)


@given(windows, windows)
def test_a_window_contains_another_when_it_holds_its_pixels(one, other):
    assert one.contains(other) == (pixels(other) <= pixels(one))


@given(windows, st.integers(0, 5))
def test_a_margin_is_undone_by_its_negative(window, margin):
    assert window.expand(margin).contains(window)
    assert window.expand(margin).expand(-margin) == window


@given(windows, windows)
def test_pixels_counted_from_anothers_corner_are_moved_by_it(one, other):
    moved = {(row - other.row, col - other.col) for row, col in pixels(one)}
    assert pixels(one.relative_to(other)) == moved


def test_slices_cut_the_windows_pixels_out_of_an_array():
    rows, cols = np.mgrid[:30, :40]
    cut = Window(3, 5, 2, 4).slices
    assert pixels(Window(3, 5, 2, 4)) == set(zip(rows[cut].flat, cols[cut].flat, strict=True))


def test_a_window_that_starts_outside_has_no_slices():
    with pytest.raises(ValueError, match="has no slices"):
        _ = Window(-1, 0, 5, 5).slices


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (-1, 5)])
def test_an_empty_window_is_refused(shape):
    with pytest.raises(ValueError, match="at least 1"):
        Window(0, 0, *shape)


def test_rasterio_takes_it_with_columns_first():
    assert Window(1, 2, 3, 4).to_rasterio().flatten() == (2, 1, 4, 3)
