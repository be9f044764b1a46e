"""Bilinear resampling: the value of a point depends neither on the window nor on how it is computed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslip.grid.resampling import sample_bilinear

FACTORS = (1.0, 2.0, 3.0, 6.0, 1.7, 12.5 / 10)


def _points(length, factor):
    return (np.arange(int(length * factor)) + 0.5) / factor


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("factor", FACTORS)
@given(data=st.data())
def test_any_window_has_the_values_of_the_whole(factor, gaps, data):
    draw = np.random.default_rng(data.draw(st.integers(0, 99)))
    image = (draw.random((data.draw(st.integers(1, 90)), data.draw(st.integers(1, 30)))) * 5000).astype(np.float32)
    usable = draw.random(image.shape) > 0.1 if gaps else np.ones(image.shape, bool)
    x, y = _points(image.shape[1], factor)[None, :], _points(image.shape[0], factor)[:, None]
    whole = sample_bilinear(image, usable, x, y)
    first = data.draw(st.integers(0, y.size - 1))
    rows = slice(first, data.draw(st.integers(first + 1, y.size)))
    np.testing.assert_array_equal(sample_bilinear(image, usable, x, y[rows]), whole[rows])
    out = np.full(whole.shape, np.float32(-1))
    assert sample_bilinear(image, usable, x, y, out) is out
    np.testing.assert_array_equal(out, whole)
    # Points given one by one, not as rows and columns, are interpolated in another order.
    each = sample_bilinear(image, usable, *np.broadcast_arrays(x, y))
    np.testing.assert_allclose(each, whole, rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize("factor", FACTORS)
def test_a_plane_stays_a_plane_between_the_centres(factor):
    rows, cols = np.mgrid[:40, :30]
    x, y = _points(30, factor)[None, :], _points(40, factor)[:, None]
    found = sample_bilinear((2 * cols + 3 * rows).astype(np.float32), np.ones((40, 30), bool), x, y)
    inside = ((y >= 0.5) & (y <= 39.5)) & ((x >= 0.5) & (x <= 29.5))
    np.testing.assert_allclose(found[inside], (2 * (x - 0.5) + 3 * (y - 0.5))[inside], atol=1e-3)
