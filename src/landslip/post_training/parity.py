"""Whether an ensemble's graph says what its members say when they are run and averaged by hand."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.channels import CHANNELS
from landslip.detector.detector import Detector
from landslip.errors import RunError
from landslip.inference.engine import InferenceOptions, open_engine
from landslip.post_training.ensemble import FLIPS, Turns

LARGEST_DIFFERENCE: Final = 1e-3
"""In probability at any pixel, in float32: what engines round off, not what a wrong turn does."""
_RANGES: Final = {"DN": (100.0, 4000.0), "deg": (0.0, 60.0), "m": (0.0, 3000.0)}


def check_ensemble(joined: Detector, members: Sequence[Detector], turns: Turns, engine: str = "auto") -> float:
    """Compare on images that are not square; gives the largest difference in probability.

    Raises:
        RunError: they differ by more than is allowed.
    """
    multiple = joined.card.size_multiple
    height = multiple * -(-32 // multiple)
    # Two unequal sides: an answer that was turned and not turned back would not even fit.
    values = trial_images(joined.card.channels, height, height + multiple)
    difference = float(
        np.abs(run(joined, values, engine) - by_hand(members, turns, joined.card.channels, values)).max()
    )
    if not difference <= LARGEST_DIFFERENCE:
        raise RunError(
            f"the ensemble {joined.card.name} differs from its members averaged by hand by {difference:.2g} in "
            f"probability, {LARGEST_DIFFERENCE:g} is allowed: it is not written"
        )
    return difference


def by_hand(
    members: Sequence[Detector], turns: Turns, channels: Sequence[str], values: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The mean probability (N, H, W) over members and turns of values (N, C, H, W) of some channels."""
    answers = []
    for member in members:
        own = values[:, [channels.index(name) for name in member.card.channels]]
        for turned in (False, True) if turns == "d4" else (False,):
            upright = own.swapaxes(2, 3) if turned else own
            flips = FLIPS if turns != "none" else FLIPS[:1]
            # One after the other, not as the graph does it, but in one engine.
            said = run(member, np.concatenate([np.flip(upright, axes) for axes in flips]))
            for answer, axes in zip(np.split(said[:, None], len(flips)), flips, strict=True):
                back = np.flip(answer, axes)
                answers.append((back.swapaxes(2, 3) if turned else back)[:, 0])
    mean: NDArray[np.float32] = np.stack(answers).mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean


def run(detector: Detector, values: NDArray[np.float32], engine: str = "auto") -> NDArray[np.float32]:
    """Probability (N, H, W) of values (N, C, H, W)."""
    return open_engine(detector, InferenceOptions(engine), height=values.shape[2], width=values.shape[3])(values)


def trial_images(channels: Sequence[str], height: int, width: int, count: int = 2) -> NDArray[np.float32]:
    """Made-up values (N, C, H, W) in each channel's unit: steps of some pixels and noise, alike in no two turns."""
    chance = np.random.default_rng(0)
    coarse = chance.random((count, len(channels), -(-height // 8), -(-width // 8)))
    steps = coarse.repeat(8, axis=2).repeat(8, axis=3)[:, :, :height, :width]
    shares = 0.8 * steps + 0.2 * chance.random(steps.shape)
    low, high = np.array([_RANGES[CHANNELS[name].unit] for name in channels]).T[:, :, None, None]
    values: NDArray[np.float32] = (low + (high - low) * shares).astype(np.float32)
    return values
