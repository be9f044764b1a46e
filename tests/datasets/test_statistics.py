"""Statistics in one pass equal those of numpy for any partition and order of the data."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from landslip.datasets.l4s import open_l4s
from landslip.datasets.statistics import Moments

VALUES = arrays(np.float64, (3, 60), elements=st.floats(-1e4, 7e4))


def parts_of(values: NDArray[np.float64], cuts: list[int]) -> list[Moments]:
    return [Moments.of(part) for part in np.split(values, sorted(set(cuts)), axis=1) if part.size]


@given(VALUES, st.lists(st.integers(1, 59), max_size=8), st.randoms())
def test_any_partition_and_order_equals_numpy(values: NDArray[np.float64], cuts: list[int], random: object) -> None:
    parts = parts_of(values, cuts)
    random.shuffle(parts)  # type: ignore[attr-defined] # hypothesis gives a random.Random
    together = sum(parts, Moments.empty(3))
    assert together.pixels == 60
    np.testing.assert_allclose(together.mean, values.mean(axis=1), rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(together.std, values.std(axis=1), rtol=1e-9, atol=1e-6)
    np.testing.assert_array_equal((together.minimum, together.maximum), (values.min(axis=1), values.max(axis=1)))


@given(VALUES, st.integers(1, 59))
def test_merging_is_commutative_with_a_neutral_element(values: NDArray[np.float64], cut: int) -> None:
    first, second = Moments.of(values[:, :cut]), Moments.of(values[:, cut:])
    for name in ("mean", "squares", "minimum", "maximum"):
        there, back = getattr(first + second, name), getattr(second + first, name)
        np.testing.assert_allclose(there, back, rtol=1e-9, atol=1e-6)
        for same in (first + Moments.empty(3), Moments.empty(3) + first):
            np.testing.assert_array_equal(getattr(same, name), getattr(first, name))


def test_large_means_do_not_cause_cancellation() -> None:
    # The textbook formula, mean of squares less square of the mean, gives 0 or less here.
    values = 1e9 + np.arange(1000.0).reshape(1, -1) % 2
    together = sum(parts_of(values, list(range(10, 1000, 10))), Moments.empty(1))
    assert together.std[0] == pytest.approx(0.5, rel=1e-6)


def test_real_statistics_are_physical(shared_data: Path) -> None:
    patches = open_l4s(shared_data / "l4s-h5")
    moments = sum((Moments.of(patch.values) for patch in patches), Moments.empty(len(patches.channels)))
    by_name = dict(zip(patches.channels, moments.mean, strict=True))
    # Vegetated hills: dark red, bright near infrared, hardly any cirrus.
    assert by_name["B04"] < by_name["B03"] < by_name["B08"]
    assert by_name["B10"] < 50
    assert 10 < by_name["slope"] < 45
