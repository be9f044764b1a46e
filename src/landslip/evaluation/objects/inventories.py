"""Landslides of the reference and of the prediction, their overlaps, and their one-to-one matching.

Pixels connected over a side or a corner are one landslide, as in a map's inventory.
"""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

import cc3d
import numpy as np
from numpy.typing import NDArray

from landslip.errors import SettingsError
from landslip.evaluation.objects.mosaics import Mosaic, find_mosaics
from landslip.evaluation.predictions import Predictions
from landslip.mapping.inventory.find import reaches_area
from landslip.probability import LANDSLIDE, NODATA

MIN_IOU: Final = 0.5
"""Smallest overlap of a match; the usual value of object detection."""


@dataclass(frozen=True, slots=True, eq=False)
class Inventory:
    """The landslides of the reference, or those of the prediction."""

    area_m2: NDArray[np.float64]
    """(n,) of the part with a valid reference."""
    whole_area_m2: NDArray[np.float64]
    """(n,) also of the part without a valid reference."""
    cut: NDArray[np.bool_]
    """(n,) whether it touches nodata or the edge of the image, so that it may continue beyond."""
    touched: NDArray[np.bool_]
    """(n,) whether it shares a pixel with a landslide of the other inventory."""
    scene: NDArray[np.str_]
    """(n,) name of the scene."""

    def __len__(self) -> int:
        return len(self.area_m2)

    def take(self, positions: NDArray[np.intp]) -> Self:
        """Return the landslides at some positions."""
        return replace(
            self,
            area_m2=self.area_m2[positions],
            whole_area_m2=self.whole_area_m2[positions],
            cut=self.cut[positions],
            touched=self.touched[positions],
            scene=self.scene[positions],
        )


@dataclass(frozen=True, slots=True, eq=False)
class InventoryPair:
    """The landslides of reference and prediction, and all overlaps between them."""

    reference: Inventory
    mapped: Inventory
    pair_reference: NDArray[np.int64]
    """(K,) index into ``reference`` of each overlapping pair."""
    pair_mapped: NDArray[np.int64]
    """(K,) index into ``mapped``."""
    pair_iou: NDArray[np.float64]
    """(K,) intersection over union in pixels."""

    @property
    def scenes(self) -> tuple[str, ...]:
        """Names of the scenes with a landslide in either inventory, sorted."""
        return tuple(sorted({*self.reference.scene.tolist(), *self.mapped.scene.tolist()}))

    def in_scene(self, scene: str) -> Self:
        """Return the landslides of one scene."""
        reference, mapped = (np.flatnonzero(one.scene == scene) for one in (self.reference, self.mapped))
        here = self.reference.scene[self.pair_reference] == scene
        return replace(
            self,
            reference=self.reference.take(reference),
            mapped=self.mapped.take(mapped),
            pair_reference=np.searchsorted(reference, self.pair_reference[here]),
            pair_mapped=np.searchsorted(mapped, self.pair_mapped[here]),
            pair_iou=self.pair_iou[here],
        )

    def without_small(self, min_area_m2: float) -> "tuple[InventoryPair, SmallLandslides]":
        """Leave out the landslides that are smaller than the minimum area of a map.

        Mapped landslides that overlap only reference landslides that are left out are left out too: they are neither
        correct nor false.
        """
        reference, mapped = (reaches_area(one.whole_area_m2, min_area_m2) for one in (self.reference, self.mapped))
        overlaps, overlaps_kept = np.zeros((2, len(mapped)), bool)
        overlaps[self.pair_mapped] = True
        overlaps_kept[self.pair_mapped[reference[self.pair_reference]]] = True
        only_small = mapped & overlaps & ~overlaps_kept
        small = SmallLandslides(min_area_m2, int((~reference).sum()), int((~mapped).sum()), int(only_small.sum()))
        mapped &= ~only_small
        pairs = reference[self.pair_reference] & mapped[self.pair_mapped]
        pair_reference, pair_mapped = self.pair_reference[pairs], self.pair_mapped[pairs]
        touched = [np.zeros(len(one), bool) for one in (reference, mapped)]
        touched[0][pair_reference], touched[1][pair_mapped] = True, True
        kept_reference, kept_mapped = np.flatnonzero(reference), np.flatnonzero(mapped)
        pair = InventoryPair(
            replace(self.reference, touched=touched[0]).take(kept_reference),
            replace(self.mapped, touched=touched[1]).take(kept_mapped),
            np.searchsorted(kept_reference, pair_reference),
            np.searchsorted(kept_mapped, pair_mapped),
            self.pair_iou[pairs],
        )
        return pair, small

    def match(self, min_iou: float = MIN_IOU) -> NDArray[np.intp]:
        """Return which overlaps are matches, one to one; see ``match_overlaps``.

        Args:
            min_iou: smallest IoU of a match, above 0 and at most 1.

        Raises:
            SettingsError: it is not.
        """
        if not 0 < min_iou <= 1:
            raise SettingsError(f"min_iou must be above 0 and at most 1, got {min_iou:g}", parameter="min_iou")
        return match_overlaps(self.pair_reference, self.pair_mapped, self.pair_iou, min_iou)


@dataclass(frozen=True, slots=True)
class SmallLandslides:
    """Number of landslides that are left out of a score because they are smaller than the minimum area of a map."""

    min_area_m2: float
    reference: int
    mapped: int
    """Candidates that are not in the inventory of the map."""
    mapped_on_small_reference: int
    """Larger mapped landslides that overlap only reference landslides that are left out."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return asdict(self)

    def note(self) -> str | None:
        """Describe what was left out, in a sentence; None where nothing was."""
        if not self.reference + self.mapped:
            return None
        also = (
            f", and {self.mapped_on_small_reference} mapped landslides that overlap only these"
            if self.mapped_on_small_reference
            else ""
        )
        return (
            f"{self.mapped} candidates and {self.reference} reference landslides{also} are left out of the counts of "
            f"landslides, since they are smaller than the minimum area of the map, {self.min_area_m2:g} m2; the pixel "
            "counts include them"
        )


def find_inventories(predictions: Predictions) -> InventoryPair:
    """Find the landslides of reference and prediction; neighbouring patches are joined first.

    Raises:
        PredictionsError: two patches have the same position.
    """
    found = predictions.found.view(np.uint8)
    parts = [_of_mosaic(mosaic, predictions, found) for mosaic in find_mosaics(predictions.entries)]
    reference, mapped = (_concatenate([getattr(part, name) for part in parts]) for name in ("reference", "mapped"))
    ends = np.cumsum([(0, 0), *((len(part.reference), len(part.mapped)) for part in parts)], axis=0)
    # The numbers of each part start where those of the part before it ended.
    starts = ends[:-1]
    return InventoryPair(
        reference,
        mapped,
        np.concatenate([part.pair_reference + start for part, (start, _) in zip(parts, starts, strict=True)]),
        np.concatenate([part.pair_mapped + start for part, (_, start) in zip(parts, starts, strict=True)]),
        np.concatenate([part.pair_iou for part in parts]),
    )


def _of_mosaic(mosaic: Mosaic, predictions: Predictions, found: NDArray[np.uint8]) -> InventoryPair:
    mask = mosaic.join(predictions.masks, NODATA)
    encoded = mosaic.join(predictions.encoded, NODATA)
    labelled = mask != NODATA
    reference = label_landslides(mask == LANDSLIDE, labelled, labelled)
    mapped = label_landslides(mosaic.join(found, 0) == 1, labelled, labelled & (encoded != NODATA))
    pair_reference, pair_mapped, pair_iou = find_overlaps(reference, mapped, labelled)
    inventories = []
    for one, pairs in ((reference, pair_reference), (mapped, pair_mapped)):
        touched = np.zeros(len(one.area_px), bool)
        touched[pairs] = True
        scenes = np.full(len(touched), mosaic.scene)
        area_m2 = np.asarray(one.area_px * predictions.pixel_size_m**2, np.float64)
        whole_area_m2 = np.asarray(one.whole_px * predictions.pixel_size_m**2, np.float64)
        inventories.append(Inventory(area_m2, whole_area_m2, one.cut, touched, scenes))
    # A mapped landslide without a labelled pixel is neither correct nor wrong.
    known = np.flatnonzero(mapped.area_px > 0)
    return InventoryPair(
        inventories[0], inventories[1].take(known), pair_reference, np.searchsorted(known, pair_mapped), pair_iou
    )


def _concatenate(parts: list[Inventory]) -> Inventory:
    fields = ("area_m2", "whole_area_m2", "cut", "touched", "scene")
    return Inventory(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """The landslides of one image."""

    labels: NDArray[np.int32]
    """(H, W): number of the landslide, from 1; 0 for background."""
    area_px: NDArray[np.int64]
    """(n,) pixels of each with a valid reference; landslides without any are not counted."""
    whole_px: NDArray[np.int64]
    """(n,) all pixels of each."""
    cut: NDArray[np.bool_]
    """(n,) whether it touches nodata or the edge of the image."""


def label_landslides(where: NDArray[np.bool_], labelled: NDArray[np.bool_], valid: NDArray[np.bool_]) -> LabelledImage:
    """Number the landslides of an image.

    Args:
        where: (H, W) landslide pixels.
        labelled: (H, W) where the reference is valid. A landslide may lie partly outside; it stays one landslide, and
            the part outside has no area.
        valid: (H, W) where a landslide could have been detected or labelled.
    """
    numbered, count = cc3d.connected_components(where.astype(np.uint8), connectivity=8, return_N=True)
    labels = np.asarray(numbered, np.int32)
    area_px = np.bincount(labels[labelled], minlength=count + 1)[1:].astype(np.int64)
    whole_px = np.bincount(labels.ravel(), minlength=count + 1)[1:].astype(np.int64)
    cut = np.zeros(count + 1, bool)
    cut[np.unique(labels[_at_edge(valid)])] = True
    return LabelledImage(labels, area_px, whole_px, cut[1:])


def _at_edge(valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return where a pixel or one of its 8 neighbours is nodata; beyond the image everything is."""
    padded = np.pad(valid, 1, constant_values=False)
    height, width = valid.shape
    inside = np.ones_like(valid)
    for down in range(3):
        for across in range(3):
            inside &= padded[down : down + height, across : across + width]
    return ~inside


def find_overlaps(
    reference: LabelledImage, mapped: LabelledImage, labelled: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Find all pairs of landslides that share a labelled pixel.

    Returns:
        (K,) index of the reference landslide, (K,) index of the mapped one, both from 0, and (K,) their IoU.
    """
    both = labelled & (reference.labels > 0) & (mapped.labels > 0)
    size = len(mapped.area_px) + 1
    codes, shared = np.unique(reference.labels[both].astype(np.int64) * size + mapped.labels[both], return_counts=True)
    one, other = codes // size - 1, codes % size - 1
    union = reference.area_px[one] + mapped.area_px[other] - shared
    return one, other, shared / np.maximum(union, 1)


def match_overlaps(
    reference: NDArray[np.int64], mapped: NDArray[np.int64], iou: NDArray[np.float64], min_iou: float
) -> NDArray[np.intp]:
    """Match landslides one to one, as many as possible, preferring larger overlaps.

    Args:
        reference: (K,) index of the reference landslide of each overlap.
        mapped: (K,) index of the mapped landslide.
        iou: (K,) of the two.
        min_iou: smallest IoU of a match, above 0.

    Returns:
        The overlaps that are matches, ascending.
    """
    allowed = np.flatnonzero(iou >= min_iou)
    order = allowed[np.lexsort((mapped[allowed], reference[allowed], -iou[allowed]))]
    candidates: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for overlap in order.tolist():
        candidates[int(reference[overlap])].append((int(mapped[overlap]), overlap))
    matching = _Matching(candidates)
    for start in candidates:
        matching.add(start)
    return np.array(sorted(matching.overlap_of.values()), np.intp)


class _Matching:
    """A maximum bipartite matching, grown by one augmenting path for each reference landslide."""

    def __init__(self, candidates: Mapping[int, Sequence[tuple[int, int]]]) -> None:
        self.overlap_of: dict[int, int] = {}
        """By matched mapped landslide."""
        self._candidates = candidates
        """By reference landslide: mapped ones with their overlap, the largest first."""
        self._reference_of: dict[int, int] = {}
        """By matched mapped landslide."""
        self._mapped_of: dict[int, int] = {}
        """By matched reference landslide."""

    def add(self, start: int) -> None:
        """Match a reference landslide, rematching others along an augmenting path if there is one."""
        reached: dict[int, tuple[int, int]] = {}
        queue = deque([start])
        while queue:
            reference = queue.popleft()
            for mapped, overlap in self._candidates[reference]:
                if mapped in reached:
                    continue
                reached[mapped] = reference, overlap
                if mapped not in self._reference_of:
                    self._augment(mapped, reached)
                    return
                queue.append(self._reference_of[mapped])

    def _augment(self, free: int, reached: Mapping[int, tuple[int, int]]) -> None:
        """Match every reference landslide on the path to the mapped one it reached."""
        left: int | None = free
        while left is not None:
            mapped = left
            reference, self.overlap_of[mapped] = reached[mapped]
            left = self._mapped_of.get(reference)
            self._reference_of[mapped], self._mapped_of[reference] = reference, mapped
