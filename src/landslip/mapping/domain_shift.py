"""How far the scene of a map lies from what its detector learned from, judged by a few places spread over it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.detector.card import Card
from landslip.detector.ood_distance import LEAST_OBSERVED, Gauge
from landslip.errors import DetectorError
from landslip.grid.window import places_over
from landslip.mapping.job import Job
from landslip.mapping.metadata.summary import FamiliarityRecord

PLACES_A_SIDE: Final = 8
"""Places looked at along each side of a scene, at most: 64 readings of one patch each, however large it is."""
FAR_SHARE: Final = 0.99
"""A place is far where it differs more than this share of the training patches."""
_WARN_FAR: Final = 0.5
_WARN_OUTSIDE: Final = 0.2
"""Of the pixels; in training 2 % lie outside of the range on a card."""
_DEFAULT_SIDE_PX: Final = 128


@dataclass(frozen=True, slots=True)
class _Place:
    values: NDArray[np.float32]
    observed: NDArray[np.bool_]


def familiarity(job: Job) -> FamiliarityRecord | None:
    """Compare a scene with what the detector's card says of its training part.

    Returns:
        None where the card says nothing, or too little was observed to say anything.

    Raises:
        SceneError: the scene cannot be read.
    """
    card = job.detector.card
    if card.seen is None and card.input_ranges is None:
        return None
    gauge = _gauge(card)
    outside, pixels, vectors, places = np.zeros(len(card.channels)), 0, [], 0
    for place in _places(job, card.seen.side_px if card.seen else _DEFAULT_SIDE_PX):
        places += 1
        outside += _outside(place, card)
        pixels += int(place.observed.sum())
        vector = gauge.vector(place.values, place.observed) if gauge else None
        if vector is not None:
            vectors.append(vector)
    if not places:
        return None
    shares = dict(zip(card.channels, (outside / pixels).tolist(), strict=True)) if card.input_ranges else {}
    if gauge is None or not vectors:
        return FamiliarityRecord(places=places, distance=None, far_share=None, differs_in=(), outside_ranges=shares)
    table = np.stack(vectors)
    distances = gauge.distances(table)
    return FamiliarityRecord(
        places=places,
        distance=float(np.median(distances)),
        far_share=float((distances > gauge.within(FAR_SHARE)).mean()),
        differs_in=gauge.differs_in(table),
        outside_ranges=shares,
    )


def _gauge(card: Card) -> Gauge | None:
    # A card of another version, with statistics that are not known here, is no reason not to map.
    try:
        return Gauge(card.seen, card.channels) if card.seen else None
    except DetectorError:
        return None


def warnings_of(record: FamiliarityRecord, card: Card) -> list[str]:
    """What a user must know of it, in sentences."""
    warnings = []
    if card.seen is not None and record.distance is None:
        warnings.append(
            f"the card of detector '{card.name}' says what it learned from in numbers that this landslip does not "
            "know, so how far this image lies from that was not measured: update landslip or the detector"
        )
    if record.far_share is not None and record.far_share > _WARN_FAR:
        where = f" (most in {', '.join(record.differs_in)})" if record.differs_in else ""
        warnings.append(
            f"the image is unlike those that detector '{card.name}' learned from{where}: {record.far_share:.0%} of "
            f"{record.places} places looked at differ more than {FAR_SHARE:.0%} of its training patches do, so expect "
            "it to be less accurate than its card says"
        )
    off = {name: share for name, share in record.outside_ranges.items() if share > _WARN_OUTSIDE}
    if off:
        shares = ", ".join(f"{name} in {share:.0%}" for name, share in off.items())
        warnings.append(
            f"values lie outside what detector '{card.name}' saw in training ({shares} of the pixels looked at): check "
            "units and processing level, and expect it to be less accurate than its card says"
        )
    return warnings


def _places(job: Job, side_px: int) -> Iterator[_Place]:
    """Patches spread evenly over the mapped part of a scene, of which enough was observed."""
    for window in places_over(job.region, side_px, PLACES_A_SIDE):
        values, observed = job.scene.read(job.detector.card.channels, window)
        observed = observed & job.wanted(window)
        if observed.mean() >= LEAST_OBSERVED:
            yield _Place(values, observed)


def _outside(place: _Place, card: Card) -> NDArray[np.float64]:
    """How many observed pixels lie outside the range on the card, (C,)."""
    ranges = card.input_ranges or {}
    bounds = [ranges.get(name, (-np.inf, np.inf)) for name in card.channels]
    seen = place.values[:, place.observed]
    return np.array(
        [np.count_nonzero((row < low) | (row > high)) for row, (low, high) in zip(seen, bounds, strict=True)], float
    )
