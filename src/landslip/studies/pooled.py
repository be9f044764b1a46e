"""Predictions of several folds as those of one set, each patch by the detector that had not seen it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch import NOT_OBSERVED
from landslip.errors import PredictionsError
from landslip.evaluation.predictions import Predictions


def pooled(folds: Sequence[Predictions], *, protocol: str, recipe: dict[str, Any] | None = None) -> Predictions:
    """Put predictions of folds together; every patch keeps the threshold of its fold.

    Args:
        folds: of different patches, with pixels of one size.
        protocol: in words.
        recipe: by which all folds were trained, whatever each of them learned from.

    Raises:
        PredictionsError: there is none, a patch stands in two, or their pixels differ in size.
    """
    if not folds:
        raise PredictionsError("there are no predictions to pool: run the folds first")
    entries = tuple(entry for one in folds for entry in one.entries)
    if len({(entry.split, entry.id) for entry in entries}) != len(entries):
        raise PredictionsError("a patch was predicted in two folds: pool folds that test different patches")
    first = folds[0]
    if len({one.pixel_size_m for one in folds}) > 1:
        raise PredictionsError("the folds have pixels of different sizes: pool predictions of one set")
    height, width = (max(one.levels.shape[axis] for one in folds) for axis in (1, 2))
    thresholds = np.concatenate([_thresholds(one) for one in folds])
    temperatures = {one.temperature for one in folds}
    spreads = [one.spread for one in folds]
    known = [spread for spread in spreads if spread is not None]
    return Predictions(
        detector=first.detector,
        threshold=float(thresholds.mean()),
        protocol=protocol,
        data=first.data,
        seeds=tuple(dict.fromkeys(seed for one in folds for seed in one.seeds)),
        entries=entries,
        levels=_joined([one.levels for one in folds], height, width),
        masks=_joined([one.masks for one in folds], height, width),
        spread=_joined(known, height, width) if len(known) == len(folds) else None,
        # Several temperatures are no single number that could be undone.
        temperature=temperatures.pop() if len(temperatures) == 1 else 1.0,
        pixel_size_m=first.pixel_size_m,
        sha256=first.sha256 if len(folds) == 1 else "",
        recipe=recipe,
        thresholds=thresholds,
    )


def _thresholds(one: Predictions) -> NDArray[np.float64]:
    return np.full(len(one), one.threshold) if one.thresholds is None else one.thresholds


def _joined(layers: Sequence[NDArray[np.uint8]], height: int, width: int) -> NDArray[np.uint8]:
    """Layers (n, h, w) one after the other, smaller ones continued by what was not observed."""
    joined = np.full((sum(map(len, layers)), height, width), NOT_OBSERVED, np.uint8)
    start = 0
    for layer in layers:
        joined[start : start + len(layer), : layer.shape[1], : layer.shape[2]] = layer
        start += len(layer)
    return joined
