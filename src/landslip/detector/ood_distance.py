"""The distance between an image and those a detector learned from: Mahalanobis (1936), over simple statistics.

It says how unlike an image is, not how wrong the detector will be: between places the two go together
(``evaluation/familiarity.py`` measures it), within one place they hardly do.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import Patch
from landslip.detector.card import SeenStatistics
from landslip.detector.ood_statistics import Vector, statistic_names, statistics_of
from landslip.errors import DetectorError, PatchesError

_SHARES: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
_DIGITS: Final = 6
LEAST_OBSERVED: Final = 0.25
"""Of an image: with less of it nothing is said."""


def seen_statistics(patches: Iterable[Patch], channels: Sequence[str], *, relative: bool) -> SeenStatistics:
    """Sum up the training part of a detector for its card.

    Args:
        patches: of the training part; pixels that are not finite were not observed.
        channels: of the detector.
        relative: where the data do not know absolute brightness, as 8-bit pictures.

    Raises:
        PatchesError: there are not two patches to compare, or one lacks a channel.
    """
    names = statistic_names(channels, relative=relative)
    vectors, sides = [], []
    for patch in patches:
        vector = patch_vector(patch, channels, relative=relative)
        if vector is not None:
            vectors.append(vector)
            sides.append(min(patch.values.shape[1:]))
    if len(vectors) < 2:
        raise PatchesError(f"{len(vectors)} patches say nothing of how patches differ: give two or more")
    table = np.stack(vectors)
    mean, covariance = table.mean(axis=0), np.atleast_2d(np.cov(table, rowvar=False))
    shrinkage = len(names) / (len(names) + len(table))
    spread = np.maximum(np.diag(covariance), 1e-6)
    covariance = (1 - shrinkage) * covariance + np.diag(shrinkage * spread)
    distances = _distances(table, mean, covariance)
    return SeenStatistics(
        names=names,
        relative=relative,
        side_px=int(np.median(sides)),
        patches=len(table),
        mean=tuple(map(_rounded, mean.tolist())),
        covariance=tuple(tuple(map(_rounded, row)) for row in covariance.tolist()),
        distance_quantiles=tuple((share, _rounded(float(np.quantile(distances, share)))) for share in _SHARES),
    )


def patch_vector(patch: Patch, channels: Sequence[str], *, relative: bool) -> Vector | None:
    """The statistics of a patch; None where too little of it was observed.

    Raises:
        PatchesError: it lacks a channel.
    """
    missing = [name for name in channels if name not in patch.channels]
    if missing:
        raise PatchesError(f"patch {patch.id} lacks {', '.join(missing)}: it has {', '.join(patch.channels)}")
    values = patch.values[[patch.channels.index(name) for name in channels]]
    observed = np.asarray(np.isfinite(values).all(axis=0), np.bool_)
    if observed.mean() < LEAST_OBSERVED:
        return None
    return statistics_of(values, observed, channels, relative=relative)


class Gauge:
    """Measures how far images lie from what a detector learned from."""

    def __init__(self, seen: SeenStatistics, channels: Sequence[str]) -> None:
        """Take what a card says.

        Args:
            seen: of the card.
            channels: of the card.

        Raises:
            DetectorError: the card was made with other statistics, or its covariance is none.
        """
        self.seen = seen
        self.channels = tuple(channels)
        self._mean, self._covariance = np.array(seen.mean), np.array(seen.covariance)
        known = seen.names == statistic_names(channels, relative=seen.relative)
        if not known or not np.allclose(self._covariance, self._covariance.T) or not _positive(self._covariance):
            raise DetectorError(
                "the card says what the detector learned from in numbers that this landslip does not know: "
                "update landslip or the detector"
            )

    def vector(self, values: NDArray[np.float32], observed: NDArray[np.bool_]) -> Vector | None:
        """The statistics of an image (C, h, w); None where too little of it was observed (h, w)."""
        if observed.mean() < LEAST_OBSERVED:
            return None
        return statistics_of(values, observed, self.channels, relative=self.seen.relative)

    def distances(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance of images with statistics (N, K), (N,): about 1 for those it learned from."""
        return _distances(vectors, self._mean, self._covariance)

    def within(self, share: float) -> float:
        """The distance that so large a share of the training patches lies within."""
        shares, distances = zip(*self.seen.distance_quantiles, strict=True)
        return float(np.interp(share, shares, distances))

    def nearer(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share of the training patches that lies nearer than each distance, roughly."""
        shares, known = zip(*self.seen.distance_quantiles, strict=True)
        return np.asarray(np.interp(distances, [0.0, *known], [0.0, *shares]), np.float64)

    def differs_in(self, vectors: NDArray[np.float64], most: int = 3) -> tuple[str, ...]:
        """The statistics in which images (N, K) lie farthest off, each for itself, and by more than two deviations."""
        away = np.abs(np.median(vectors, axis=0) - self._mean) / np.sqrt(np.diag(self._covariance))
        order = np.argsort(-away)[:most]
        return tuple(self.seen.names[place] for place in order if away[place] > 2)


def _distances(vectors: Vector, mean: Vector, covariance: Vector) -> Vector:
    away = vectors - mean
    squares = (away * np.linalg.solve(covariance, away.T).T).sum(axis=1)
    # By the number of statistics, so that distances of detectors with few and many channels compare.
    return np.asarray(np.sqrt(np.maximum(squares, 0) / len(mean)), np.float64)


def _positive(covariance: Vector) -> bool:
    try:
        np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return False
    return True


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
