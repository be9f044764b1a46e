"""Predictions made up for tests: random, or drawn by hand."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from landslip.evaluation.predictions import Place, Predictions
from landslip.probability import TOP_LEVEL

HEIGHT, WIDTH = 5, 6


def held(
    levels: NDArray[np.integer] | Sequence[object],
    masks: NDArray[np.integer] | Sequence[object],
    entries: tuple[Place, ...] | None = None,
    threshold: float = 0.5,
    **more: object,
) -> Predictions:
    """Predictions of arrays (N, H, W); patches side by side in one row of scene S unless told otherwise."""
    levels, masks = np.asarray(levels, np.uint8), np.asarray(masks, np.uint8)
    entries = entries or tuple(Place("train", number, "S", None, None) for number in range(len(levels)))
    return Predictions("made", threshold, "none", "made", (), entries, levels, masks, **more)  # type: ignore[arg-type]  # as given


def from_bits(found: NDArray[np.bool_], truth: NDArray[np.bool_], **more: object) -> Predictions:
    """Predictions of one image (H, W) that are sure of everything."""
    return held(np.where(found, TOP_LEVEL, 0)[None], truth[None], **more)  # type: ignore[arg-type]  # as given


@st.composite
def predictions(draw: st.DrawFn, most: int = 6, *, placed: bool = False, known: bool = False) -> Predictions:
    """Random predictions of a few tiny patches.

    Args:
        draw: of hypothesis.
        most: patches.
        placed: all of them at places of their own in one scene or two.
        known: everything observed.
    """
    count = draw(st.integers(1, most))
    shape = count, HEIGHT, WIDTH
    few = st.sampled_from([0, 1, 60, 124, 125, 126, 200, TOP_LEVEL] + ([] if known else [255]))
    levels = draw(hnp.arrays(np.uint8, shape, elements=few))
    masks = draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 1] if known else [0, 1, 255])))
    entries = tuple(Place("train", number, "S", None, None) for number in range(count))
    if placed:
        cells = st.tuples(st.sampled_from("AB"), st.integers(0, 3), st.integers(0, 3))
        at = draw(st.lists(cells, min_size=count, max_size=count, unique=True))
        entries = tuple(Place("train", number, *cell) for number, cell in enumerate(at))
    return held(levels, masks, entries)
