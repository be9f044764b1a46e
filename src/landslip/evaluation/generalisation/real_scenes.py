"""Real scenes: the area mapped before and after an event, F1 in drawn windows, and the length of a track that is found.

Scenes are predicted whole and thresholded, without masks of clouds and snow and without a minimum area, so that the
figures are those of the detector alone.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cc3d
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import geometry_mask

from landslip.detector.detector import Detector
from landslip.evaluation.reference.polygons import PolygonReference, read_polygons
from landslip.grid.map_grid import MapGrid
from landslip.inference.engine import DEFAULT_OPTIONS, InferenceOptions
from landslip.inference.predict import ArrayPredictor
from landslip.metrics.counts import PixelCounts, count_pixels
from landslip.probability import NODATA, encode_probability, reaches_threshold
from landslip.scenes.scene import Scene

SECTION_M: Final = 100.0
"""Length of the sections into which a track is cut."""
FOUND_FRACTION: Final = 0.2
"""Part of the pixels of a section that must be marked for it to be found."""
MARGIN_M: Final = 30.0
"""What is marked within this distance of a track is neither on it nor elsewhere."""
_M2_PER_HA: Final = 1e4


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """The thresholded prediction of a scene."""

    found: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    grid: MapGrid
    pixel_m2: float
    """Area of the pixel in the middle."""

    @property
    def area_ha(self) -> float:
        """Area marked as landslide."""
        return float(self.found.sum()) * self.pixel_m2 / _M2_PER_HA

    @property
    def valid_ha(self) -> float:
        """Area observed."""
        return float(self.valid.sum()) * self.pixel_m2 / _M2_PER_HA


@dataclass(frozen=True, slots=True)
class PairScore:
    """Area mapped in two images of one area, before and after an event."""

    before_ha: float
    after_ha: float
    after_inside_before_ha: float | None
    """Of the area after, what the image before covers too; None where the images have different grids."""
    windows: tuple[PixelCounts, ...]
    """Counts against the reference in each window of the image after; none without a reference."""

    @property
    def pooled(self) -> PixelCounts:
        """Counts over all windows."""
        return sum(self.windows, PixelCounts())

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        drawn = {"windows": [one.as_dict() for one in self.windows], "pooled": self.pooled.as_dict()}
        areas = {
            "before_ha": self.before_ha,
            "after_ha": self.after_ha,
            "after_inside_before_ha": self.after_inside_before_ha,
        }
        return areas | (drawn if self.windows else {})


@dataclass(frozen=True, slots=True)
class TrackScore:
    """What is found of a long track, and what is mapped elsewhere in its scene."""

    length_m: float
    found_fraction: float
    """Fraction of the sections of the track that are found."""
    recall: float
    """Fraction of the pixels of the track that are marked."""
    elsewhere_ha: float

    def as_dict(self) -> dict[str, float]:
        """Return everything by name, for JSON."""
        return {
            "length_m": self.length_m,
            "found_fraction_of_length": self.found_fraction,
            "recall_of_pixels": self.recall,
            "elsewhere_ha": self.elsewhere_ha,
        }


def map_whole(detector: Detector, scene: Scene, options: InferenceOptions = DEFAULT_OPTIONS) -> Mapped:
    """Predict and threshold a whole scene in memory.

    Raises:
        ChannelError: the scene lacks a channel of the detector.
        SceneError: a file cannot be read.
    """
    values, valid = scene.with_slope_rule(detector.card.slope_rule).read(detector.card.channels)
    probability = ArrayPredictor(detector, options)(values, valid)
    encoded = encode_probability(probability)
    grid = MapGrid.of(scene.geobox, scene.window)
    row, col = grid.height // 2, grid.width // 2
    areas_m2, _ = grid.areas_and_perimeters_m(np.array([shapely.box(col, row, col + 1, row + 1)], object))
    return Mapped(reaches_threshold(encoded, detector.card.threshold), encoded != NODATA, grid, float(areas_m2[0]))


def score_pair(before: Mapped, after: Mapped, windows: Path | None = None, reference: Path | None = None) -> PairScore:
    """Compare two images of one area, and the one after with reference polygons inside windows.

    Args:
        before: the image before.
        after: the image after, on its own grid.
        windows: polygons inside which the reference is complete.
        reference: landslides in them.

    Raises:
        ReferenceDataError: a file cannot be read, or lies outside the image.
    """
    counts: list[PixelCounts] = []
    if windows is not None and reference is not None:
        drawn = _rasterise(PolygonReference.on(read_polygons(reference), after.grid).pixels, after.found.shape)
        for window in PolygonReference.on(read_polygons(windows), after.grid).pixels:
            inside = _rasterise(np.array([window], object), after.found.shape) & after.valid
            counts.append(count_pixels(after.found[inside], drawn[inside].astype(np.uint8)))
    inside_before_ha = None
    if before.grid == after.grid:
        inside_before_ha = float((after.found & before.valid).sum()) * after.pixel_m2 / _M2_PER_HA
    return PairScore(before.area_ha, after.area_ha, inside_before_ha, tuple(counts))


def score_track(mapped: Mapped, track: Path) -> TrackScore:
    """Measure how much of the length of a track is found, and the area marked elsewhere.

    The track is cut into sections of 100 m by the distance along it, inside its outline, from one end. A section is
    found where a fifth of its pixels are marked.

    Args:
        mapped: the scene.
        track: its outline.

    Raises:
        ReferenceDataError: the file cannot be read, or lies outside the scene.
    """
    outline = PolygonReference.on(read_polygons(track), mapped.grid)
    side_m = float(np.sqrt(mapped.pixel_m2))
    on = _rasterise(outline.pixels, mapped.found.shape)
    on &= mapped.valid
    near = _rasterise(shapely.buffer(outline.pixels, MARGIN_M / side_m), mapped.found.shape)
    sections, length_m = cut_into_sections(on, side_m)
    total = np.bincount(sections[on])
    hit = np.bincount(sections[on & mapped.found], minlength=len(total))
    is_section = total > 0
    found = hit[is_section] >= FOUND_FRACTION * total[is_section]
    return TrackScore(
        length_m=length_m,
        found_fraction=float(found.mean()) if len(found) else 0.0,
        recall=float(mapped.found[on].mean()) if on.any() else 0.0,
        elsewhere_ha=float((mapped.found & ~near).sum()) * mapped.pixel_m2 / _M2_PER_HA,
    )


def cut_into_sections(on: NDArray[np.bool_], side_m: float) -> tuple[NDArray[np.intp], float]:
    """Cut a track into sections of equal length along it.

    Args:
        on: (H, W) its pixels, in one or several connected parts.
        side_m: side of a pixel.

    Returns:
        The number of the section of each pixel, (H, W), of use on the track alone; and the length in metres.
    """
    sections = np.zeros(on.shape, np.intp)
    labels, count = cc3d.connected_components(on, connectivity=8, return_N=True)
    first, length_m = 0, 0.0
    for label in range(1, count + 1):
        rows, cols = np.nonzero(labels == label)
        box = (slice(rows.min(), rows.max() + 1), slice(cols.min(), cols.max() + 1))
        part = labels[box] == label
        # The pixel farthest from any pixel is an end of the track.
        start = _distance_along(part, tuple(np.argwhere(part)[0]))
        end = np.unravel_index(int(np.where(part, start, -1).argmax()), part.shape)
        along_m = _distance_along(part, (int(end[0]), int(end[1]))) * side_m
        sections[box][part] = first + (along_m[part] // SECTION_M).astype(np.intp)
        first = int(sections[box][part].max()) + 1
        length_m += float(along_m[part].max())
    return sections, length_m


def _distance_along(part: NDArray[np.bool_], start: tuple[int, int]) -> NDArray[np.float64]:
    """Distance in pixels from a pixel inside a connected part, along eight directions; 0 outside.

    Odd steps go in four directions and even ones in eight, so that a diagonal counts 1.5, which is near its length.
    """
    distance = np.zeros(part.shape, np.float64)
    front = np.zeros(part.shape, np.bool_)
    front[start] = True
    reached, step = front.copy(), 0
    while not reached[part].all():
        step += 1
        wider = reached.copy()
        wider[1:] |= reached[:-1]
        wider[:-1] |= reached[1:]
        across = wider if step % 2 == 0 else reached
        grown = wider.copy()
        grown[:, 1:] |= across[:, :-1]
        grown[:, :-1] |= across[:, 1:]
        grown &= part
        new = grown & ~reached
        if not new.any() and step % 2 == 0:
            break
        distance[new] = step
        reached = grown
    return distance


def _rasterise(polygons: NDArray[np.object_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = geometry_mask(polygons, shape, Affine.identity(), invert=True)
    return inside
