"""Test-time augmentation inside a graph: a network sees an image turned and flipped, and its answers are averaged.

Flips run as one batch of four. A quarter turn swaps height and width, so the other four of the eight run as a second
batch, transposed before and after: tiles need not be square.
"""

from collections.abc import Callable
from typing import Final, Literal

import numpy as np

from landslip.post_training.composition import Composition

Turns = Literal["none", "flips", "d4"]
"""``none``; the four ``flips`` up-down and left-right; ``d4``, all eight turns and flips of a square."""
PASSES: Final[dict[Turns, int]] = {"none": 1, "flips": 4, "d4": 8}
"""How often a network runs for each image."""
FLIPS: Final[tuple[tuple[int, ...], ...]] = ((), (2,), (3,), (2, 3))
"""The axes of (N, C, H, W) along which an image is reversed, for each of the four."""
_FIRST: Final = int(np.iinfo(np.int64).min)
"""As the end of a slice that runs backwards: past the first pixel."""

Run = Callable[[str, str], str]
"""Runs a network in a graph: from the name of a run and an image to a probability."""


def over_turns(made: Composition, run: Run, image: str, turns: Turns) -> str:
    """Run a network on an image (N, C, H, W) in every turn; gives the mean probability (N, 1, H, W), turned back."""
    if turns == "none":
        return run("plain", image)
    upright = _over_flips(made, run, "upright", image)
    if turns == "flips":
        return upright
    turned = _over_flips(made, run, "turned", _transposed(made, image))
    return made.mean([upright, _transposed(made, turned)])


def _over_flips(made: Composition, run: Run, name: str, image: str) -> str:
    stack = made.apply("Concat", *(_flipped(made, image, axes) for axes in FLIPS), axis=0)
    # (4 N, 1, H, W) as (4, N, H, W): 0 keeps a size, -1 is what is left.
    apart = made.apply("Reshape", run(name, stack), made.whole_numbers(len(FLIPS), -1, 0, 0))
    back = [_flipped(made, _picked(made, apart, place), axes) for place, axes in enumerate(FLIPS)]
    return made.apply("Transpose", made.mean(back), perm=[1, 0, 2, 3])


def _picked(made: Composition, stack: str, place: int) -> str:
    """One of the four of (4, N, H, W), as (1, N, H, W)."""
    first, end, axis = (made.whole_numbers(number) for number in (place, place + 1, 0))
    return made.apply("Slice", stack, first, end, axis)


def _flipped(made: Composition, image: str, axes: tuple[int, ...]) -> str:
    if not axes:
        return image
    backwards = made.whole_numbers(*[-1] * len(axes))
    past = made.whole_numbers(*[_FIRST] * len(axes))
    return made.apply("Slice", image, backwards, past, made.whole_numbers(*axes), backwards)


def _transposed(made: Composition, image: str) -> str:
    return made.apply("Transpose", image, perm=[0, 1, 3, 2])
