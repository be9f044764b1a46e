"""Domain shift of a mapped scene: its distance from the training data, and whether the detector is sure of its map.

The mean probability of what is mapped ranks maps by F1 better than the distance of the image from the training data
does (docs/trust.md), so that it alone gives a warning.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from landslip.detector.card import Card
from landslip.detector.ood_distance import OodDistance
from landslip.detector.ood_statistics import MIN_VALID_FRACTION
from landslip.errors import DetectorError
from landslip.files.model import FrozenRecord
from landslip.grid.window import spread_windows
from landslip.mapping.job import Job
from landslip.scenes.inspection import is_surface_reflectance

_WINDOWS_PER_SIDE: Final = 8
"""At most 64 windows of the size of a patch are read, however large the scene is."""
FAR_QUANTILE: Final = 0.99
"""A window is far where its distance exceeds this quantile of the training patches."""
_WARN_UNSURE: Final = 0.88
"""Mean probability of the landslides relative to that on the card: of the blocks of patches with an F1 of 0.5 or more,
at most 2 % are below it (docs/trust.md)."""
_WARN_OUT_OF_RANGE: Final = 0.2
"""Fraction of the pixels; in training 2 % are out of the range on a card."""
_DEFAULT_SIDE_PX: Final = 128
_SURFACE: Final = (
    "; the scene is surface reflectance (Level-2A), and detectors of Landslide4Sense were trained on Level-1C: set "
    "to_toa to convert it"
)


class DomainShift(FrozenRecord):
    """The distance of a scene from the training data of its detector."""

    model_config = ConfigDict(allow_inf_nan=True)

    windows: int
    """Number of sampled windows."""
    distance: float | None
    """Median Mahalanobis distance of the windows; about 1 for training patches. None without statistics on the card."""
    far_fraction: float | None
    """Fraction of the windows farther than 99 % of the training patches."""
    largest_deviations: tuple[str, ...]
    """Names of the statistics that deviate most."""
    out_of_range: dict[str, float]
    """Fraction of the sampled pixels outside the training range, by channel, where the card has ranges."""
    surface_reflectance: bool = False
    """Whether the scene is surface reflectance (Level-2A), by its product, its names or its values."""


def measure_domain_shift(job: Job) -> DomainShift | None:
    """Compare a scene with the training statistics on the detector's card.

    Returns:
        None where the card has no statistics, or too few pixels are valid.

    Raises:
        SceneError: the scene cannot be read.
    """
    card = job.detector.card
    if card.ood is None and card.input_ranges is None:
        return None
    ood = _ood_distance(card)
    outside, pixels, vectors, windows = np.zeros(len(card.channels)), 0, [], 0
    for values, valid in _sample_windows(job, card.ood.side_px if card.ood else _DEFAULT_SIDE_PX):
        windows += 1
        outside += _count_out_of_range(values[:, valid], card)
        pixels += int(valid.sum())
        vector = ood.describe(values, valid) if ood else None
        if vector is not None:
            vectors.append(vector)
    if not windows:
        return None
    surface = is_surface_reflectance(job.scene)
    fractions = dict(zip(card.channels, (outside / pixels).tolist(), strict=True)) if card.input_ranges else {}
    if ood is None or not vectors:
        return DomainShift(
            windows=windows,
            distance=None,
            far_fraction=None,
            largest_deviations=(),
            out_of_range=fractions,
            surface_reflectance=surface,
        )
    table = np.stack(vectors)
    distances = ood.distances(table)
    return DomainShift(
        windows=windows,
        distance=float(np.median(distances)),
        far_fraction=float((distances > ood.quantile(FAR_QUANTILE)).mean()),
        largest_deviations=ood.largest_deviations(table),
        out_of_range=fractions,
        surface_reflectance=surface,
    )


def domain_shift_warnings(shift: DomainShift, card: Card) -> list[str]:
    """Return the warnings that follow from a domain shift."""
    warnings = []
    if card.ood is not None and shift.distance is None:
        warnings.append(
            f"domain shift was not measured: the statistics on the card of detector '{card.name}' are of another "
            "version of landslip; update landslip or the detector"
        )
    high = {name: fraction for name, fraction in shift.out_of_range.items() if fraction > _WARN_OUT_OF_RANGE}
    if high:
        channels = ", ".join(f"{name} in {fraction:.0%}" for name, fraction in high.items())
        warnings.append(
            f"values are outside the training range of detector '{card.name}' ({channels} of the sampled pixels): "
            "check units and processing level; expect lower accuracy than the scores on its card"
        )
    return warnings


def unsure_warnings(
    mean_probability: float | None, threshold: float, card: Card, *, surface_reflectance: bool = False
) -> list[str]:
    """Return a warning where the landslides of a map have a lower mean probability than those of the card's patches.

    Args:
        mean_probability: of the landslides, weighted by area; None where there is none.
        threshold: of the map; at another one than the card's, probabilities are not comparable.
        card: of the detector.
        surface_reflectance: whether the scene is surface reflectance, which may be the reason.
    """
    usual = card.mapped_probability
    if mean_probability is None or usual is None or threshold != card.threshold:
        return []
    if mean_probability >= _WARN_UNSURE * usual:
        return []
    return [
        f"out of distribution: the landslides have a mean probability of {mean_probability:.2f}, those of the patches "
        f"that detector '{card.name}' was calibrated on have {usual:.2f}; expect lower accuracy than the scores on its "
        "card" + (_SURFACE if surface_reflectance else "")
    ]


def _ood_distance(card: Card) -> OodDistance | None:
    # Unknown statistics on the card of another version do not prevent a map.
    try:
        return OodDistance(card.ood, card.channels) if card.ood else None
    except DetectorError:
        return None


def _sample_windows(job: Job, side_px: int) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Yield values (C, H, W) and validity (H, W) of windows spread evenly over the mapped part of a scene."""
    for window in spread_windows(job.region, side_px, _WINDOWS_PER_SIDE):
        values, valid, _ = job.read(job.detector.card.channels, window)
        valid = valid & job.mask(window)
        if valid.mean() >= MIN_VALID_FRACTION:
            yield values, valid


def _count_out_of_range(pixels: NDArray[np.float32], card: Card) -> NDArray[np.float64]:
    """Count the pixels (C, n) outside the range on the card, (C,)."""
    ranges = card.input_ranges or {}
    bounds = [ranges.get(name, (-np.inf, np.inf)) for name in card.channels]
    return np.array(
        [np.count_nonzero((row < low) | (row > high)) for row, (low, high) in zip(pixels, bounds, strict=True)], float
    )
