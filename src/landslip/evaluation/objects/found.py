"""Every landslide of the truth and of the map, with its area and its partner: figures by object follow from it."""

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from landslip.errors import SettingsError
from landslip.evaluation.objects.matching import labelled, match, overlaps
from landslip.evaluation.objects.mosaics import Mosaic, mosaics
from landslip.evaluation.predictions import Predictions
from landslip.probability import LANDSLIDE, NODATA

LEAST_IOU: Final = 0.5
"""Overlap from which a mapped landslide is a true one; the usual one of object detection."""


@dataclass(frozen=True, slots=True, eq=False)
class Inventory:
    """The landslides of the truth, or those of the map."""

    area_m2: NDArray[np.float64]
    """(n,) of the part that the truth observed."""
    cut: NDArray[np.bool_]
    """(n,) whether it touches the edge of what was observed, so that it may go on beyond."""
    touched: NDArray[np.bool_]
    """(n,) whether it shares a pixel with one of the other inventory."""
    scene: NDArray[np.str_]
    """(n,) name of the scene."""

    def __len__(self) -> int:
        return len(self.area_m2)

    def take(self, positions: NDArray[np.intp]) -> Self:
        """The landslides at some positions."""
        return replace(
            self,
            area_m2=self.area_m2[positions],
            cut=self.cut[positions],
            touched=self.touched[positions],
            scene=self.scene[positions],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Inventories:
    """The landslides of the truth and of the map, and all their overlaps."""

    truth: Inventory
    mapped: Inventory
    pair_truth: NDArray[np.int64]
    """(K,) index into ``truth`` of each pair that shares a pixel."""
    pair_mapped: NDArray[np.int64]
    """(K,) index into ``mapped``."""
    pair_iou: NDArray[np.float64]
    """(K,) pixels in both by pixels in either."""

    @property
    def scenes(self) -> tuple[str, ...]:
        """The scenes that hold a landslide, true or mapped."""
        return tuple(sorted({*self.truth.scene.tolist(), *self.mapped.scene.tolist()}))

    def in_scene(self, scene: str) -> Self:
        """Those of one scene."""
        truth, mapped = (np.flatnonzero(one.scene == scene) for one in (self.truth, self.mapped))
        here = self.truth.scene[self.pair_truth] == scene
        return replace(
            self,
            truth=self.truth.take(truth),
            mapped=self.mapped.take(mapped),
            pair_truth=np.searchsorted(truth, self.pair_truth[here]),
            pair_mapped=np.searchsorted(mapped, self.pair_mapped[here]),
            pair_iou=self.pair_iou[here],
        )

    def matched(self, least_iou: float = LEAST_IOU) -> NDArray[np.intp]:
        """Which overlaps are pairs, one to one.

        Args:
            least_iou: above 0 and at most 1.

        Raises:
            SettingsError: it is not.
        """
        if not 0 < least_iou <= 1:
            raise SettingsError(f"an IoU of {least_iou:g} pairs nothing or anything: give one above 0 and at most 1")
        return match(self.pair_truth, self.pair_mapped, self.pair_iou, least_iou)


def find_inventories(predictions: Predictions) -> Inventories:
    """Find the landslides of truth and map; patches that touch are joined first.

    Raises:
        PredictionsError: two patches have one place.
    """
    called = predictions.found.view(np.uint8)
    parts = [_of_mosaic(mosaic, predictions, called) for mosaic in mosaics(predictions.entries)]
    truth, mapped = (_joined([getattr(part, name) for part in parts]) for name in ("truth", "mapped"))
    ends = np.cumsum([(0, 0), *((len(part.truth), len(part.mapped)) for part in parts)], axis=0)
    # Each part is numbered on from where the one before it ended; no part comes after the last end.
    starts = ends[:-1]
    return Inventories(
        truth,
        mapped,
        np.concatenate([part.pair_truth + start for part, (start, _) in zip(parts, starts, strict=True)]),
        np.concatenate([part.pair_mapped + start for part, (_, start) in zip(parts, starts, strict=True)]),
        np.concatenate([part.pair_iou for part in parts]),
    )


def _of_mosaic(mosaic: Mosaic, predictions: Predictions, called: NDArray[np.uint8]) -> Inventories:
    mask = mosaic.join(predictions.masks, NODATA)
    levels = mosaic.join(predictions.levels, NODATA)
    observed = mask != NODATA
    truth = labelled(mask == LANDSLIDE, observed, observed)
    mapped = labelled(mosaic.join(called, 0) == 1, observed, observed & (levels != NODATA))
    pair_truth, pair_mapped, pair_iou = overlaps(truth, mapped, observed)
    inventories = []
    for one, pairs in ((truth, pair_truth), (mapped, pair_mapped)):
        touched = np.zeros(len(one.area_px), bool)
        touched[pairs] = True
        scenes = np.full(len(touched), mosaic.scene)
        area_m2 = np.asarray(one.area_px * predictions.pixel_size_m**2, np.float64)
        inventories.append(Inventory(area_m2, one.cut, touched, scenes))
    # A landslide of the map of which the truth observed nothing is neither right nor wrong.
    known = np.flatnonzero(mapped.area_px > 0)
    return Inventories(
        inventories[0], inventories[1].take(known), pair_truth, np.searchsorted(known, pair_mapped), pair_iou
    )


def _joined(parts: list[Inventory]) -> Inventory:
    fields = ("area_m2", "cut", "touched", "scene")
    return Inventory(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))
