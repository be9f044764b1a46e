"""Lays a truth over a finished map and counts: in pixels, in square metres on the ground, in landslides.

The map is cut into patches, so that everything that is done with predictions on labelled patches (intervals over blocks
of ground, calibration, landslides one by one) is done with a map in the same way. Patches of which the truth knows
nothing are left out; memory grows with what is labelled, not with the map.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from landslip.errors import TruthError
from landslip.evaluation.objects.found import find_inventories
from landslip.evaluation.objects.score import ObjectScore, object_score
from landslip.evaluation.predictions import Place, Predictions
from landslip.evaluation.reference.polygons import PolygonTruth, read_polygons
from landslip.evaluation.reference.raster import RasterTruth
from landslip.grid.window import Window
from landslip.mapping.area import AreaOfInterest, AreaOnGrid
from landslip.mapping.finished_map import FinishedMap
from landslip.metrics.count_tables import counts_of
from landslip.metrics.counts import DEFINITION, PixelCounts
from landslip.metrics.intervals import Interval, block_units, intervals
from landslip.probability import LANDSLIDE, NODATA

SIDE_PX: Final = 128
_STRIP_PX: Final = 512
VECTOR_ENDINGS: Final = frozenset({".gpkg", ".geojson", ".json", ".shp", ".fgb", ".kml", ".zip", ".gml"})


class Truth(Protocol):
    """What is known about the ground of a map."""

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Where landslides are in a window of the map, (h, w)."""

    def observed(self, window: Window) -> NDArray[np.bool_]:
        """Where that is known, (h, w)."""

    def notes(self) -> tuple[str, ...]:
        """What a reader of the figures must know, in sentences."""


@dataclass(frozen=True, slots=True, eq=False)
class MapScore:
    """A finished map against a truth."""

    predictions: Predictions
    """The labelled part of the map, cut into patches."""
    pixel_area_m2: NDArray[np.float64]
    """(N,) ground area of a pixel in the middle of each patch, geodesic where the map has a CRS."""
    notes: tuple[str, ...]
    """What a reader of the figures must know."""

    @property
    def pixel(self) -> PixelCounts:
        """Counts pooled over all labelled pixels."""
        return PixelCounts(*counts_of(self.predictions).sum(axis=0).tolist())

    @property
    def areas_m2(self) -> dict[str, float]:
        """Ground by what truth and map say of it; ``unseen_landslide`` is the part of ``missed`` that the map did not
        observe.
        """
        names = ("found", "false_alarm", "missed", "quiet")
        areas = dict(zip(names, (self.pixel_area_m2 @ counts_of(self.predictions)).tolist(), strict=True))
        unseen = (self.predictions.levels == NODATA) & (self.predictions.masks == LANDSLIDE)
        return areas | {"unseen_landslide": float(unseen.sum(axis=(1, 2)) @ self.pixel_area_m2)}

    def intervals(self) -> dict[str, Interval]:
        """Of the pooled figures, over blocks of the ground."""
        return intervals(counts_of(self.predictions), block_units(self.predictions.entries))

    def objects(self) -> ObjectScore:
        """Landslides found, missed and false; their areas are those of a middling pixel of the labelled ground."""
        return object_score(find_inventories(self.predictions))

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        said = self.predictions
        return {
            "detector": said.detector,
            "detector_sha256": said.sha256,
            "threshold": said.threshold,
            "data": said.data,
            "protocol": said.protocol,
            "definition": DEFINITION,
            "pixel": self.pixel.as_dict(),
            "intervals": {name: one.as_dict() for name, one in self.intervals().items()},
            "areas_m2": self.areas_m2,
            "objects": self.objects().as_dict(),
            "pixel_size_m": said.pixel_size_m,
            "notes": list(self.notes),
        }


def open_truth(path: Path, mapped: FinishedMap, landslide_values: Sequence[int] = ()) -> PolygonTruth | RasterTruth:
    """Open polygons or a label raster, whichever the file's name says, and lay it on a map's grid.

    Args:
        path: of the truth.
        mapped: the map.
        landslide_values: of a raster: which values are landslide.

    Raises:
        TruthError: it cannot be used, or lies elsewhere.
        SceneError: it is a raster that cannot be read, or has no usable place.
        AreaError: polygons reach to where the map's CRS has no coordinates.
    """
    if not path.exists():
        raise TruthError(f"there is no file {path}: give polygons (GeoPackage, GeoJSON, shapefile) or a label raster")
    if path.suffix.lower() not in VECTOR_ENDINGS:
        return RasterTruth.on(path, mapped.geobox, landslide_values)
    if landslide_values:
        raise TruthError(
            f"{path.name} holds polygons, all of which are landslides: --landslide-value is for label rasters"
        )
    return PolygonTruth.on(read_polygons(path), mapped.grid)


def score_map(
    mapped: FinishedMap,
    truth: Path,
    *,
    area: AreaOfInterest | None = None,
    landslide_values: Sequence[int] = (),
    threshold: float | None = None,
    temperature: float = 1.0,
    progress: bool = False,
) -> MapScore:
    """Compare a finished map with a truth.

    Args:
        mapped: the map.
        truth: polygons of landslides, or a label raster.
        area: where somebody looked for landslides: outside of it nothing is known. Without it, polygons are taken to
            be all the landslides of the whole map.
        landslide_values: of a raster: which values are landslide.
        threshold: between 0 and 1; the map's own where None.
        temperature: of the detector, if known.
        progress: show a bar on stderr when it takes over two seconds.

    Raises:
        LandslipError: truth, area and map do not fit together, or nothing is known of the ground that was mapped.
    """
    laid = open_truth(truth, mapped, landslide_values)
    notes = list(laid.notes())
    if area is None and isinstance(laid, PolygonTruth):
        if not len(laid.pixels):
            raise TruthError(
                f"{truth.name} holds no polygon: where nothing slid, say with --area where somebody looked"
            )
        notes.append(
            "no area of labelling was given: everything outside the polygons was taken for ground without landslides"
        )
    cut = list(_labelled(mapped, laid, area.on(mapped.geobox) if area else None, progress=progress))
    if not cut:
        raise TruthError(
            f"{truth.name} knows nothing of the ground that was mapped: give a truth, and an area, that overlap the map"
        )
    middles = np.array([[col * SIDE_PX + SIDE_PX / 2, row * SIDE_PX + SIDE_PX / 2] for row, col, _, _ in cut])
    pixel_area_m2 = mapped.grid.pixel_area_m2(np.minimum(middles, [mapped.grid.width, mapped.grid.height]))
    predictions = _predictions(mapped, cut, f"{truth.name}, within {area.text}" if area else truth.name)
    predictions = replace(
        predictions,
        # A map may be made at 1, where no level lies between that and the one below.
        threshold=min(mapped.summary.threshold, 0.999) if threshold is None else threshold,
        temperature=temperature,
        pixel_size_m=float(np.sqrt(pixel_area_m2.mean())),
    )
    known = predictions.masks != NODATA
    unseen = np.count_nonzero(known & (predictions.levels == NODATA)) / np.count_nonzero(known)
    if unseen:
        notes.append(f"the map did not observe {unseen:.1%} of the labelled ground: landslides there count as missed")
    return MapScore(predictions, pixel_area_m2, tuple(notes))


_Cut = tuple[int, int, NDArray[np.uint8], NDArray[np.uint8]]
"""Row and column of a patch, its truth and its levels, both (SIDE_PX, SIDE_PX)."""


def _labelled(mapped: FinishedMap, truth: Truth, area: AreaOnGrid | None, *, progress: bool) -> Iterator[_Cut]:
    """Cut a map into patches, those beyond its edge filled up with what nobody observed; only where truth is known."""
    height, width = mapped.grid.height, mapped.grid.width
    beyond = -width % SIDE_PX
    tops = range(0, height, _STRIP_PX)
    for top in tqdm(tops, desc="comparing", unit="strip", disable=not progress, delay=2):
        strip = Window(top, 0, min(_STRIP_PX, height - top), width)
        known = truth.observed(strip)
        if area:
            known = known & area.mask(strip)
        if not known.any():
            continue
        mask = np.where(known, truth.mask(strip), np.uint8(NODATA)).astype(np.uint8)
        below = -strip.height % SIDE_PX
        both = [
            np.pad(layer, ((0, below), (0, beyond)), constant_values=fill)
            for layer, fill in ((mask, NODATA), (mapped.levels(strip), NODATA))
        ]
        for row in range(0, strip.height, SIDE_PX):
            for col in range(0, width, SIDE_PX):
                mask, levels = (layer[row : row + SIDE_PX, col : col + SIDE_PX] for layer in both)
                if (mask != NODATA).any():
                    yield (top + row) // SIDE_PX, col // SIDE_PX, mask, levels


def _predictions(mapped: FinishedMap, cut: Sequence[_Cut], data: str) -> Predictions:
    """The patches as predictions."""
    across, scene = -(-mapped.grid.width // SIDE_PX), mapped.summary.scene.name or "map"
    return Predictions(
        detector=mapped.summary.detector,
        threshold=0.5,
        protocol="a finished map against a truth from elsewhere",
        data=f"{data}, on {scene}",
        seeds=(),
        entries=tuple(Place("test", 1 + row * across + col, scene, row, col) for row, col, _, _ in cut),
        levels=np.stack([levels for _, _, _, levels in cut]),
        masks=np.stack([mask for _, _, mask, _ in cut]),
        sha256=mapped.summary.detector_sha256,
    )
