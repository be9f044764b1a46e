"""Accuracy of a finished map against a reference: in pixels, in square metres, by landslide.

The map is cut into patches, so that all tools for predictions on labelled patches (intervals over blocks, calibration,
object scores) apply to a map. Patches without a label are left out; memory grows with the labelled area, not with the
map.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from landslip.errors import ReferenceDataError, SceneError
from landslip.evaluation.objects.inventories import InventoryPair, SmallLandslides, find_inventories
from landslip.evaluation.objects.score import ObjectScore, score_objects
from landslip.evaluation.predictions import PatchPosition, Predictions, resampling_units
from landslip.evaluation.reference.polygons import PolygonReference, read_polygons
from landslip.evaluation.reference.raster import RasterReference
from landslip.files.progress import Progress, no_progress, track
from landslip.grid.window import Window
from landslip.mapping.area import AreaOfInterest, AreaOnGrid
from landslip.mapping.finished_map import FinishedMap, open_map
from landslip.mapping.metadata.map_files import MAP_FILES
from landslip.mapping.polygon_files import FORMATS, is_polygon_file
from landslip.metrics.counts import DEFINITION, PixelCounts
from landslip.metrics.intervals import Interval, intervals
from landslip.probability import BACKGROUND, LANDSLIDE, NODATA

SIDE_PX: Final = 128
_STRIP_PX: Final = 512
_LITTLE_BACKGROUND: Final = 0.1


class Reference(Protocol):
    """Labels on the grid of a map."""

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Return the landslide pixels of a window, (h, w)."""

    def valid(self, window: Window) -> NDArray[np.bool_]:
        """Return the labelled pixels of a window, (h, w)."""

    def notes(self) -> tuple[str, ...]:
        """Return notes for the reader of the scores, in sentences."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MapScore:
    """Accuracy of a finished map."""

    predictions: Predictions
    """The labelled part of the map, cut into patches."""
    pixel_area_m2: NDArray[np.float64]
    """(N,) area of a pixel in the middle of each patch, geodesic where the map has a CRS."""
    inventories: InventoryPair
    """The landslides of reference and map that are at least as large as the minimum area of the map."""
    small: SmallLandslides
    """The landslides that are smaller, and left out of ``inventories``."""
    notes: tuple[str, ...]
    """Notes for the reader of the scores, in sentences."""

    def __repr__(self) -> str:
        pixel = self.pixel
        return (
            f"MapScore({self.predictions.data!r}, F1 {pixel.f1:.3f}, precision {pixel.precision:.3f}, "
            f"recall {pixel.recall:.3f})"
        )

    @property
    def pixel(self) -> PixelCounts:
        """Counts pooled over all labelled pixels."""
        return PixelCounts.of(self.predictions.counts().sum(axis=0))

    @property
    def areas_m2(self) -> dict[str, float]:
        """Labelled area by outcome; ``missed_nodata`` is the part of ``missed`` where the map is nodata."""
        names = ("detected", "false_alarm", "missed", "background")
        areas = dict(zip(names, (self.pixel_area_m2 @ self.predictions.counts()).tolist(), strict=True))
        nodata = (self.predictions.encoded == NODATA) & (self.predictions.masks == LANDSLIDE)
        return areas | {"missed_nodata": float(nodata.sum(axis=(1, 2)) @ self.pixel_area_m2)}

    def intervals(self) -> dict[str, Interval]:
        """Compute intervals of the pooled metrics, over blocks of 4 x 4 patches."""
        return intervals(self.predictions.counts(), resampling_units(self.predictions.entries))

    def objects(self) -> ObjectScore:
        """Count detected, missed and false landslides; areas assume the mean pixel area of the labelled part."""
        return score_objects(self.inventories)

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        predictions = self.predictions
        return {
            "detector": predictions.detector,
            "detector_sha256": predictions.sha256,
            "threshold": predictions.threshold,
            "data": predictions.data,
            "protocol": predictions.protocol,
            "definition": DEFINITION,
            "pixel": self.pixel.as_dict(),
            "intervals": {name: one.as_dict() for name, one in self.intervals().items()},
            "areas_m2": self.areas_m2,
            "objects": self.objects().as_dict(),
            "left_out": self.small.as_dict(),
            "pixel_size_m": predictions.pixel_size_m,
            "notes": list(self.notes),
        }


def open_reference(
    path: Path,
    mapped: FinishedMap,
    landslide_values: Sequence[int] = (),
    *,
    layer: str | None = None,
    nodata_is_background: bool = False,
) -> PolygonReference | RasterReference:
    """Open polygons or a label raster, by the file's suffix, and place them on the grid of a map.

    Args:
        path: of the reference.
        mapped: the map.
        landslide_values: of a raster: the values that are landslide.
        layer: of a file with several layers of polygons: the one to read.
        nodata_is_background: of a raster: take its nodata as background.

    Raises:
        ReferenceDataError: the reference cannot be used, or does not overlap the map.
        AreaError: a polygon reaches beyond the validity of the map's CRS.
    """
    if not path.exists():
        raise ReferenceDataError(f"there is no file {path}: give polygons or a label raster", parameter="reference")
    if is_polygon_file(path):
        for name, given in (("landslide_values", landslide_values), ("nodata_is_background", nodata_is_background)):
            if given:
                raise ReferenceDataError(
                    f"{name} applies to label rasters only, and {path.name} holds polygons: leave it out",
                    parameter=name,
                )
        return PolygonReference.on(read_polygons(path, layer), mapped.grid)
    if layer is not None:
        raise ReferenceDataError(
            f"{path.name} is no file of polygons and has no layers: leave layer out", parameter="layer"
        )
    try:
        return RasterReference.on(path, mapped.geobox, landslide_values, nodata_is_background=nodata_is_background)
    except SceneError as error:
        raise ReferenceDataError(f"{error}; polygons are read from {FORMATS}", parameter="reference") from error


def score_map(
    mapped: FinishedMap | str | Path,
    reference: str | Path,
    *,
    area: AreaOfInterest | None = None,
    landslide_values: Sequence[int] = (),
    layer: str | None = None,
    nodata_is_background: bool = False,
    threshold: float | None = None,
    min_area_m2: float | None = None,
    temperature: float = 1.0,
    progress: Progress = no_progress,
) -> MapScore:
    """Measure the accuracy of a finished map.

    Args:
        mapped: the map, or its folder.
        reference: path of landslide polygons or of a label raster.
        area: the surveyed area; pixels outside are left out. Without it, polygons are taken as all landslides of the
            whole map.
        landslide_values: of a raster: the values that are landslide.
        layer: of a reference with several layers of polygons: the one to read.
        nodata_is_background: of a raster: take its nodata as background. Without background pixels there is no
            precision.
        threshold: between 0 and 1; the map's own where None.
        min_area_m2: smaller landslides, of map and reference, are left out of the counts of landslides; the map's own
            where None.
        temperature: of the detector, if known.
        progress: called with ``("scoring", strips done, strips)``.

    Raises:
        LandslipError: reference, area and map do not fit together, or no pixel of the map is labelled, or none as
            background.

    Example:
        Score a map made by ``landslip map scene.tif -o map/`` against an inventory::

            score = score_map("map/", "inventory.gpkg")
            score.pixel.f1, score.objects().recall
    """
    mapped = mapped if isinstance(mapped, FinishedMap) else open_map(Path(mapped))
    path = Path(reference)
    if path.name in {one.name for one in MAP_FILES} and path.resolve().parent == mapped.folder.resolve():
        raise ReferenceDataError(
            f"{path.name} is a file of the map itself: give landslides that were found in another way",
            parameter="reference",
        )
    placed = open_reference(path, mapped, landslide_values, layer=layer, nodata_is_background=nodata_is_background)
    notes = [*placed.notes(), *(area.notes if area else ())]
    if area is None and isinstance(placed, PolygonReference):
        if not len(placed.pixels):
            raise ReferenceDataError(
                f"{path.name} holds no polygon: for a map without landslides, give the surveyed area", parameter="area"
            )
        notes.append("no surveyed area was given: everything outside the polygons was taken as background")
    cut = list(_labelled_patches(mapped, placed, area.on(mapped.geobox) if area else None, progress))
    if not cut:
        raise ReferenceDataError(
            f"no mapped pixel is labelled by {path.name}: give a reference, and an area, that overlap the map"
        )
    notes += _check_background(placed, path.name, [mask for _, _, mask, _ in cut])
    middles = np.array([[col * SIDE_PX + SIDE_PX / 2, row * SIDE_PX + SIDE_PX / 2] for row, col, _, _ in cut])
    pixel_area_m2 = mapped.grid.pixel_area_m2(np.minimum(middles, [mapped.grid.width, mapped.grid.height]))
    predictions = _predictions(mapped, cut, f"{path.name}, within {area.text}" if area else path.name)
    predictions = replace(
        predictions,
        # A map may be made at 1, where there is no encoded probability between that and the one below.
        threshold=min(mapped.summary.threshold, 0.999) if threshold is None else threshold,
        temperature=temperature,
        pixel_size_m=float(np.sqrt(pixel_area_m2.mean())),
    )
    labelled = predictions.masks != NODATA
    counts = PixelCounts.of(predictions.counts().sum(axis=0))
    if counts.tp and not counts.fp + counts.fn:
        notes.append(f"{path.name} equals the map in every pixel: scores against a copy of the map tell nothing")
    nodata = np.count_nonzero(labelled & (predictions.encoded == NODATA)) / np.count_nonzero(labelled)
    if nodata:
        notes.append(f"the map is nodata in {nodata:.1%} of the labelled area: landslides there count as missed")
    minimum_m2 = mapped.summary.settings.min_area_m2 if min_area_m2 is None else min_area_m2
    inventories, small = find_inventories(predictions).without_small(minimum_m2)
    if left_out := small.note():
        notes.append(left_out)
    return MapScore(predictions, pixel_area_m2, inventories, small, tuple(notes))


def _check_background(reference: Reference, name: str, masks: Sequence[NDArray[np.uint8]]) -> list[str]:
    """Return a note on a reference with few background pixels.

    Raises:
        ReferenceDataError: there are none, so that every mapped pixel with a label would count as correct.
    """
    labelled = sum(int(np.count_nonzero(mask != NODATA)) for mask in masks)
    background = sum(int(np.count_nonzero(mask == BACKGROUND)) for mask in masks)
    if background == labelled:
        return [
            f"no pixel of the map is landslide in {name}: all that is mapped counts as false, and precision, recall "
            "and F1 are 0"
        ]
    if background:
        fraction = background / labelled
        return (
            [f"only {fraction:.1%} of the labelled pixels are background: precision and F1 hold for this sample only"]
            if fraction < _LITTLE_BACKGROUND
            else []
        )
    raster = isinstance(reference, RasterReference)
    remedy = (
        "if its nodata means background, set nodata_is_background"
        if raster
        else "give an area that is larger than the polygons"
    )
    raise ReferenceDataError(
        f"{name} labels {labelled} pixels of the map as landslide and none as background, so precision and F1 cannot "
        f"be computed: {remedy}",
        parameter="nodata_is_background" if raster else "area",
    )


_Cut = tuple[int, int, NDArray[np.uint8], NDArray[np.uint8]]
"""Row and column of a patch, its mask and its encoded probability, both (SIDE_PX, SIDE_PX)."""


def _labelled_patches(
    mapped: FinishedMap, reference: Reference, area: AreaOnGrid | None, progress: Progress
) -> Iterator[_Cut]:
    """Cut a map into patches, padded with nodata beyond its edge; only those with a label."""
    height, width = mapped.grid.height, mapped.grid.width
    beyond = -width % SIDE_PX
    for top in track(range(0, height, _STRIP_PX), progress, "scoring"):
        strip = Window(top, 0, min(_STRIP_PX, height - top), width)
        labelled = reference.valid(strip)
        if area:
            labelled = labelled & area.mask(strip)
        if not labelled.any():
            continue
        mask = np.where(labelled, reference.mask(strip), np.uint8(NODATA)).astype(np.uint8)
        padding = ((0, -strip.height % SIDE_PX), (0, beyond))
        both = [np.pad(layer, padding, constant_values=NODATA) for layer in (mask, mapped.judged(strip))]
        for row in range(0, strip.height, SIDE_PX):
            for col in range(0, width, SIDE_PX):
                mask, encoded = (layer[row : row + SIDE_PX, col : col + SIDE_PX] for layer in both)
                if (mask != NODATA).any():
                    yield (top + row) // SIDE_PX, col // SIDE_PX, mask, encoded


def _predictions(mapped: FinishedMap, cut: Sequence[_Cut], data: str) -> Predictions:
    """Return the patches as predictions."""
    across, scene = -(-mapped.grid.width // SIDE_PX), mapped.summary.scene.name or "map"
    return Predictions(
        detector=mapped.summary.detector,
        threshold=0.5,
        protocol="a finished map against an independent reference",
        data=f"{data}, on {scene}",
        seeds=(),
        entries=tuple(PatchPosition("test", 1 + row * across + col, scene, row, col) for row, col, _, _ in cut),
        encoded=np.stack([encoded for _, _, _, encoded in cut]),
        masks=np.stack([mask for _, _, mask, _ in cut]),
        sha256=mapped.summary.detector_sha256,
    )
