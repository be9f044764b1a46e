"""Made pairs: only what is meant to differ differs, and what is new is a part of what was labelled."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import landslip
from landslip.channels import TRUE_COLOUR
from landslip.grid.neighbourhoods import grow
from landslip.synthetic.pair_set import PairSetSettings, make_one

PATCHES = list(landslip.open_patches("examples/l4s-rgb-scene-b"))[:12]
STILL = {"season": 0, "sun": 0, "light": 0, "haze": 0, "snow": 0, "misregistration_px": 0}
seeds = st.integers(0, 10_000)


def make(number: int, seed: int, **settings: object):  # type: ignore[no-untyped-def]
    patch, other = PATCHES[number], PATCHES[(number + 1) % len(PATCHES)]
    return patch, make_one(
        patch.select(TRUE_COLOUR),
        patch.mask == 1,
        other.mask == 1,
        PairSetSettings.model_validate(settings),
        None,
        np.random.default_rng(seed),
    )


@given(st.integers(0, 11), seeds)
def test_new_and_old_landslides_are_the_labelled_ones(number: int, seed: int) -> None:
    patch, pair = make(number, seed)
    np.testing.assert_array_equal(pair.new | pair.old, patch.mask == 1)
    assert not (pair.new & pair.old).any()
    assert (pair.before >= 0).all()
    assert (pair.after >= 0).all()


@given(st.integers(0, 11), seeds)
def test_old_landslides_and_untouched_ground_are_the_same_on_both_dates(number: int, seed: int) -> None:
    patch, pair = make(number, seed, **STILL)
    np.testing.assert_array_equal(pair.after, patch.select(TRUE_COLOUR))
    np.testing.assert_array_equal(pair.before[:, pair.old], pair.after[:, pair.old])
    other = PATCHES[(number + 1) % len(PATCHES)].mask == 1
    painted = grow(pair.new, 2) | grow(other, 2) | grow(np.flip(other, 0), 2) | grow(np.flip(other, 1), 2)
    np.testing.assert_array_equal(pair.before[:, ~painted], pair.after[:, ~painted])


def test_a_fixed_shift_moves_the_image_before() -> None:
    _, still = make(0, 3, **STILL)
    _, moved = make(0, 3, **(STILL | {"shift_px": (1.0, 0.0)}))
    np.testing.assert_allclose(moved.before[:, 1:], still.before[:, :-1], rtol=1e-5)
    np.testing.assert_array_equal(moved.after, still.after)
