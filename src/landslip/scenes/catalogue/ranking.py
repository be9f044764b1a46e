"""Ranking of the passes of a satellite over an area, by the ground that they show, not by the cloud cover of tiles.

The scene classification (SCL) is read at coarse resolution over the area. Cloud, cloud shadow, snow, nodata and
defective pixels show no ground. Where there is no classification, as in Level-1C, the cloud cover that the product
states for its whole tile has to do, and that is said.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslip.files.progress import Progress, track
from landslip.grid.alignment import grids_overlap
from landslip.scenes.catalogue.items import Image
from landslip.scenes.catalogue.reading import RemoteReader, reading_threads
from landslip.scenes.masks.classification import CLOUD_CLASSES, SHADOW_CLASSES, SNOW_CLASSES

NOT_OBSERVED: Final = (0, 1)
"""Nodata, and saturated or defective, in the scene classification."""
HIDDEN: Final = (*CLOUD_CLASSES, *SHADOW_CLASSES, *SNOW_CLASSES)
_COARSE_PX: Final = 256
_COVERED: Final = 0.995
"""From this fraction of the area on, no further pass is added."""
_LEAST_GAIN: Final = 0.01
"""A further pass must show at least this fraction of the area anew."""


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """The tiles of one pass of a satellite over an area, at coarse resolution."""

    images: tuple[Image, ...]
    observed: NDArray[np.bool_]
    """(H, W) of the coarse grid: pixels with values."""
    clear: NDArray[np.bool_]
    """(H, W): pixels that show the ground."""
    clear_weight: float
    """1 where the classification was read; else the fraction of the tiles that is not cloud, as stated."""
    classified: bool
    """Whether the classification was read."""

    @property
    def day(self) -> date:
        """Day of the pass, UTC."""
        return self.images[0].sensed.date()

    @property
    def name(self) -> str:
        """Day, satellite and orbit."""
        first = self.images[0]
        orbit = "" if first.orbit is None else f", orbit {first.orbit}"
        return f"{self.day.isoformat()} {first.platform}{orbit}"

    @property
    def tiles(self) -> str:
        """Names of the tiles."""
        return " ".join(sorted({one.tile or one.name for one in self.images}))

    @property
    def stated_cloud_percent(self) -> float | None:
        """Mean cloud cover of the tiles, as their products state it."""
        stated = [one.stated_cloud_percent for one in self.images if one.stated_cloud_percent is not None]
        return float(np.mean(stated)) if stated else None


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """A pass with its place among all, and why it was chosen or not."""

    one: Pass
    observed: float
    """Fraction of the area with values."""
    clear: float
    """Fraction of the area that shows the ground."""
    chosen: bool
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Passes over an area, the chosen ones first in the order in which they fill it, then the rest by clear cover."""

    passes: tuple[Ranked, ...]
    grid: GeoBox
    inside: NDArray[np.bool_] = field(repr=False)
    """(H, W) of the coarse grid: pixels of the area."""
    clear: float
    """Fraction of the area that the chosen passes show together."""

    @property
    def chosen(self) -> list[Ranked]:
        """The chosen passes."""
        return [one for one in self.passes if one.chosen]


def coarse_grid(grid: GeoBox) -> GeoBox:
    """Return the same extent in pixels that are large, at most 256 along a side."""
    factor = -(-max(grid.shape) // _COARSE_PX)
    return grid.zoom_out(factor) if factor > 1 else grid


def read_passes(
    images: Sequence[Image], grid: GeoBox, reader: RemoteReader, workers: int, progress: Progress
) -> list[Pass]:
    """Read at coarse resolution what each pass shows.

    Args:
        images: of any dates and tiles.
        grid: coarse grid.
        reader: of the catalogue's files.
        workers: number of threads.
        progress: told of progress.

    Raises:
        RunError: a classification cannot be read.
    """
    with reading_threads(workers) as pool:
        masks = list(track(pool.map(lambda one: _masks(one, grid, reader), images), progress, "ranking", len(images)))
    groups: dict[str, list[int]] = {}
    for index, one in enumerate(images):
        groups.setdefault(one.pass_key, []).append(index)
    return [_join([images[i] for i in group], [masks[i] for i in group]) for group in groups.values()]


def rank_passes(passes: Iterable[Pass], grid: GeoBox, inside: NDArray[np.bool_], day: date, max_passes: int) -> Ranking:
    """Choose passes until the area is covered: each next one shows most of what is missing; of equal ones the nearest.

    Args:
        passes: to choose from.
        grid: coarse grid.
        inside: pixels of the area.
        day: whose nearest passes are preferred where they show equally much, to a percent of the area.
        max_passes: number of passes to combine at most.
    """
    area = float(inside.sum())
    rest = list(passes)
    missing, fraction = inside.astype(np.float64), 0.0
    chosen: list[Ranked] = []

    def gain(one: Pass) -> float:
        return float(missing[one.clear].sum()) * one.clear_weight / area

    while rest and fraction < _COVERED and len(chosen) < max_passes:
        best = max(rest, key=lambda one: (round(gain(one), 2), -abs((one.day - day).days), gain(one)))
        added = gain(best)
        if added < _LEAST_GAIN and (chosen or added <= 0):
            break
        why = f"shows {added:.1%} of the area" if not chosen else f"adds {added:.1%} that earlier choices do not show"
        if not best.classified:
            why += (
                f", by the cloud cover of {_percent(best.stated_cloud_percent)} that its tile states, as it has no SCL"
            )
        chosen.append(_ranked(best, inside, True, why))
        # Where clouds are is unknown without a classification, so no other pass can fill them.
        missing[best.clear] = 0
        fraction += added
        rest.remove(best)
    full = fraction >= _COVERED or len(chosen) == max_passes
    others = sorted((_ranked(one, inside, False, "") for one in rest), key=lambda one: -one.clear)
    why_not = [
        "shows nothing of the area" if one.clear == 0 else _why_not(gain(one.one), full, len(chosen)) for one in others
    ]
    rejected = [Ranked(one.one, one.observed, one.clear, False, why) for one, why in zip(others, why_not, strict=True)]
    return Ranking((*chosen, *rejected), grid, inside, fraction)


def _why_not(added: float, full: bool, chosen: int) -> str:
    if full and chosen:
        return f"not needed, would add {added:.1%}"
    return f"would add only {added:.1%}"


def _ranked(one: Pass, inside: NDArray[np.bool_], chosen: bool, reason: str) -> Ranked:
    area = float(inside.sum())
    clear = float(one.clear[inside].sum()) / area * one.clear_weight
    return Ranked(one, float(one.observed[inside].sum()) / area, clear, chosen, reason)


def _masks(image: Image, grid: GeoBox, reader: RemoteReader) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return where an image has values, and where it shows the ground."""
    guide = image.classification or image.bands[image.guide].href
    if not grids_overlap(reader.header(guide).grid, grid):
        nothing = np.zeros(tuple(grid.shape), np.bool_)
        return nothing, nothing
    if image.classification is None:
        stored = reader.read(guide, grid, dtype="float32", fill=0, nodata=0, resampling="nearest")
        observed = np.asarray(stored > 0, np.bool_)
        return observed, observed
    classes = read_classes(image, grid, reader)
    observed = ~np.isin(classes, NOT_OBSERVED)
    return observed, observed & ~np.isin(classes, HIDDEN)


def read_classes(image: Image, grid: GeoBox, reader: RemoteReader) -> NDArray[np.uint8]:
    """Read the scene classification of an image on a grid by nearest neighbour, 0 where there is none.

    Raises:
        RunError: it cannot be read.
    """
    if image.classification is None:
        raise ValueError(f"{image.name} has no scene classification")
    classes: NDArray[np.uint8] = reader.read(
        image.classification, grid, dtype="uint8", fill=0, nodata=0, resampling="nearest"
    )
    return classes


def _join(images: Sequence[Image], masks: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]]]) -> Pass:
    """Join the tiles of a pass, those that show most first."""
    order = sorted(range(len(images)), key=lambda index: (-int(masks[index][1].sum()), images[index].name))
    order = [index for index in order if masks[index][0].any()] or order[:1]
    used = tuple(images[index] for index in order)
    classified = all(one.classification is not None for one in used)
    stated = [one.stated_cloud_percent for one in used if one.stated_cloud_percent is not None]
    weight = 1.0 if classified or not stated else 1 - min(100.0, max(0.0, float(np.mean(stated)))) / 100
    return Pass(
        used,
        np.logical_or.reduce([masks[index][0] for index in order]),
        np.logical_or.reduce([masks[index][1] for index in order]),
        weight,
        classified,
    )


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0f}%"
