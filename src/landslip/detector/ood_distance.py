"""Out-of-distribution (OOD) distance of images from the training data: Mahalanobis (1936) over image statistics.

The distance tells how unlike the training images an image is, not how wrong the detector will be: across scenes the two
are related (measured by ``evaluation/domain_shift.py``), within one scene hardly.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.detector.card import OodStatistics
from landslip.detector.ood_statistics import Vector, image_statistics, statistic_names
from landslip.errors import DetectorError, PatchesError

_FRACTIONS: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
_DIGITS: Final = 6
_NOTABLE_DEVIATIONS: Final = 2


def fit_ood_statistics(
    images: Iterable[NDArray[np.float32]], channels: Sequence[str], *, relative: bool
) -> OodStatistics:
    """Fit the statistics of the training images, for the card.

    Args:
        images: (C, h, w) each, in DN, degrees, metres; pixels that are not finite are nodata.
        channels: names of the C channels.
        relative: where the data do not hold absolute brightness, such as 8-bit pictures.

    Raises:
        PatchesError: there are fewer than two images with enough valid pixels.
    """
    names = statistic_names(channels, relative=relative)
    vectors, sides = [], []
    for image in images:
        vector = image_statistics(image, channels, relative=relative)
        if vector is not None:
            vectors.append(vector)
            sides.append(min(image.shape[1:]))
    if len(vectors) < 2:
        raise PatchesError(f"OOD statistics need at least two training images with valid pixels, got {len(vectors)}")
    table = np.stack(vectors)
    mean, covariance = table.mean(axis=0), np.atleast_2d(np.cov(table, rowvar=False))
    shrinkage = len(names) / (len(names) + len(table))
    variance = np.maximum(np.diag(covariance), 1e-6)
    covariance = (1 - shrinkage) * covariance + np.diag(shrinkage * variance)
    distances = _distances(table, mean, covariance)
    return OodStatistics(
        names=names,
        relative=relative,
        side_px=int(np.median(sides)),
        patches=len(table),
        mean=tuple(map(_rounded, mean.tolist())),
        covariance=tuple(tuple(map(_rounded, row)) for row in covariance.tolist()),
        distance_quantiles=tuple((part, _rounded(float(np.quantile(distances, part)))) for part in _FRACTIONS),
    )


class OodDistance:
    """Distance of images from the training data of a detector.

    Args:
        statistics: ``ood`` of the card.
        channels: of the card.

    Raises:
        DetectorError: the card was made with other statistics, or its covariance is not positive definite.

    Example:
        >>> from landslip.detector.detector import Detector
        >>> card = Detector.open("s2-rgb").card
        >>> distance = OodDistance(card.ood, card.channels)
        >>> dark = distance.describe(np.full((3, 128, 128), 300, np.float32))
        >>> bool(distance.distances(dark[None])[0] > distance.quantile(0.99))  # an image without any contrast
        True
    """

    def __init__(self, statistics: OodStatistics, channels: Sequence[str]) -> None:
        self.statistics = statistics
        self.channels = tuple(channels)
        self._mean, self._covariance = np.array(statistics.mean), np.array(statistics.covariance)
        known = statistics.names == statistic_names(channels, relative=statistics.relative)
        if not known or not np.allclose(self._covariance, self._covariance.T) or not _positive(self._covariance):
            raise DetectorError(
                "the OOD statistics on the card are not those of this landslip version: update landslip or the detector"
            )

    def describe(self, values: NDArray[np.float32], valid: NDArray[np.bool_] | None = None) -> Vector | None:
        """Return the statistics (K,) of an image (C, h, w), or None; see ``image_statistics``."""
        return image_statistics(values, self.channels, valid, relative=self.statistics.relative)

    def distances(self, vectors: Vector) -> Vector:
        """Return the distance (N,) of images with statistics (N, K): about 1 for training images."""
        return _distances(vectors, self._mean, self._covariance)

    def quantile(self, fraction: float) -> float:
        """Return the distance below which this fraction of the training images lies."""
        fractions, distances = zip(*self.statistics.distance_quantiles, strict=True)
        return float(np.interp(fraction, fractions, distances))

    def largest_deviations(self, vectors: Vector, count: int = 3) -> tuple[str, ...]:
        """Name the statistics in which the median of images (N, K) deviates most, by more than two deviations."""
        away = np.abs(np.median(vectors, axis=0) - self._mean) / np.sqrt(np.diag(self._covariance))
        order = np.argsort(-away)[:count]
        return tuple(self.statistics.names[index] for index in order if away[index] > _NOTABLE_DEVIATIONS)


def _distances(vectors: Vector, mean: Vector, covariance: Vector) -> Vector:
    away = vectors - mean
    squares = (away * np.linalg.solve(covariance, away.T).T).sum(axis=1)
    # Divided by the number of statistics, so that detectors with few and many channels compare.
    return np.asarray(np.sqrt(np.maximum(squares, 0) / len(mean)), np.float64)


def _positive(covariance: Vector) -> bool:
    try:
        np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return False
    return True


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
