"""A pair of dates: what is measured once when it is opened, and evidence of change in any window."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.change.evidence import (
    DNBR,
    DNDMI,
    MARGIN_PX,
    RDNDVI,
    VISIBLE,
    Band,
    VisibleChange,
    compute_visible_change,
    normalised_difference,
    relative_ndvi_change,
)
from landslip.change.normalisation import Radiometry, measure_radiometry
from landslip.change.registration import (
    BLOCK_PX,
    REACH_PX,
    TRUSTED_PEAK,
    BlockShift,
    ShiftField,
    fit_field,
    measure_shift,
)
from landslip.change.scene_on_grid import Composite, SceneOnGrid
from landslip.change.white_ground import LEAST_DN, WHITE_LIMIT, WhiteTest, measure_white
from landslip.change.white_ground import MARGIN_PX as WHITE_MARGIN_PX
from landslip.channels import TRUE_COLOUR, ndvi
from landslip.errors import SceneError
from landslip.files.progress import Progress, no_progress, track
from landslip.grid.alignment import grids_overlap
from landslip.grid.window import Window
from landslip.scenes.scene import Scene

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

_BLOCKS_A_SIDE: Final = 7
_SAMPLE_STEP: Final = 5
"""Every fifth pixel along rows and columns of a block is a sample of the radiometry."""
_SAMPLES: Final = 200_000
VERSION: Final = 3
"""Of the method; part of the identity of a map."""


@dataclass(frozen=True, slots=True)
class ChangeReading:
    """What both dates tell about a window; arrays (h, w)."""

    valid: Mask
    """Where both dates are valid."""
    visible: VisibleChange
    bands: Mapping[str, Image]
    """Evidence by the name of its band, 0 where not valid."""
    index_before: Image
    """NDVI, or the brightness relative to the surroundings where there is no near infrared."""
    index_after: Image
    white_before: Mask
    """Snow, cloud and fog before, by their colour; they are valid here, and a map decides what they hide."""
    white_after: Mask


@dataclass(frozen=True, slots=True, eq=False)
class ScenePair:
    """An image after an event, and one or several before it on the same grid."""

    after: Scene
    before: Composite
    radiometry: Radiometry
    white: tuple[WhiteTest, WhiteTest]
    """The tests for white ground before and after."""
    warnings: tuple[str, ...] = ()

    @classmethod
    def open(cls, after: Scene, before: Sequence[Scene], *, progress: Progress = no_progress) -> "ScenePair":
        """Co-register and normalise the images of a pair.

        Args:
            after: image after the event; its grid is kept.
            before: images before the event, on any grid.
            progress: told of progress.

        Raises:
            SceneError: the images do not belong together.
            ChannelError: an image lacks red, green or blue.
        """
        if not before:
            raise SceneError("no image before the event was given: give at least one", parameter="before")
        for scene in (after, *before):
            scene.require(TRUE_COLOUR, "the comparison of two dates")
        for scene in before:
            _check_pair(after, scene)
        blocks = list(_sample_blocks(after.window))
        members: list[SceneOnGrid] = []
        warnings: list[str] = []
        steps = track([(scene, block) for scene in before for block in blocks], progress, "co-registering")
        for scene in before:
            unmoved = SceneOnGrid(scene, after.geobox, ShiftField())
            field = fit_field([_block_shift(after, unmoved, next(steps)[1]) for _ in blocks])
            warnings += _shift_warnings(scene, field)
            members.append(unmoved.moved(field))
        next(steps, None)
        composite = Composite(tuple(members))
        old, new = _sample(after, composite, blocks)
        if len(new) and np.array_equal(old, new):
            warnings.append(
                "the images before and after hold the same values, so nothing is new: give two images of different days"
            )
        return cls(after, composite, measure_radiometry(old, new), measure_white(old, new), tuple(warnings))

    @property
    def date_before(self) -> datetime | None:
        """The latest date before the event; None where one is unknown."""
        dates = [member.scene.date for member in self.before.members]
        known = [date for date in dates if date is not None]
        return max(known) if len(known) == len(dates) else None

    @property
    def identity(self) -> dict[str, object] | None:
        """Everything that evidence depends on besides the image after; None where an image is in memory only."""
        identities = [member.scene.identity for member in self.before.members]
        return {"before": identities, "version": VERSION} if all(identities) else None

    @property
    def has_nir(self) -> bool:
        """Whether both dates have near infrared."""
        return self._both(RDNDVI)

    @property
    def index(self) -> str:
        """Name of the index that is compared."""
        return "NDVI" if self.has_nir else "brightness relative to the surroundings (natural logarithm)"

    @property
    def white_rule(self) -> str:
        """The rule of white ground, in words."""
        return (
            f"at least {LEAST_DN:g} DN above the darker ground in blue, and red at most {WHITE_LIMIT:g} times blue "
            f"above it, or {self.white[0].limit:.2f} near such ground, with a rim of a pixel; in each image that "
            "has no other masks of clouds and snow"
        )

    @property
    def bands(self) -> tuple[Band, ...]:
        """The bands of evidence that the channels of both dates allow."""
        return (*VISIBLE, *(band for band in (RDNDVI, DNBR, DNDMI) if self._both(band)))

    def _both(self, band: Band) -> bool:
        return all(scene.has(band.channels) for scene in (self.after, *(one.scene for one in self.before.members)))

    def read(self, window: Window) -> ChangeReading:
        """Read a window of the grid; the result of a pixel does not depend on the window.

        Raises:
            SceneError: a file cannot be read.
        """
        around = window.expand(max(MARGIN_PX, WHITE_MARGIN_PX)).intersection(self.after.window) or window
        further = tuple(dict.fromkeys(name for band in self.bands for name in band.channels if name not in TRUE_COLOUR))
        channels = (*TRUE_COLOUR, *further)
        new, new_valid = self.after.read(channels, around)
        old, old_valid = self.before.read(channels, around)
        valid = new_valid & old_valid
        visible = compute_visible_change(old[:3], new[:3], valid, self.radiometry)
        inner = window.relative_to(around).slices
        cropped = VisibleChange(*(getattr(visible, name)[inner] for name in VisibleChange.__slots__))
        here = valid[inner]
        bands = {band.name: getattr(cropped, band.name) for band in VISIBLE}
        index_before, index_after = cropped.bareness_before, cropped.bareness_after
        if further:
            first, second = (dict(zip(channels, one[:, *inner], strict=True)) for one in (old, new))
            if self.has_nir:
                index_before, index_after = (ndvi(one["B04"], one["B08"]) for one in (first, second))
                bands["rdndvi"] = relative_ndvi_change(index_before, index_after)
            for band in (DNBR, DNDMI):
                if self._both(band):
                    near, short = band.channels
                    bands[band.name] = normalised_difference(second[near], second[short]) - normalised_difference(
                        first[near], first[short]
                    )
            bands = {name: np.where(here, values, 0).astype(np.float32) for name, values in bands.items()}
        whites = (
            test.find(values[:3], seen)[inner]
            for test, values, seen in zip(self.white, (old, new), (old_valid, new_valid), strict=True)
        )
        return ChangeReading(here, cropped, bands, index_before, index_after, *whites)


def _check_pair(after: Scene, before: Scene) -> None:
    """Check that two scenes may be compared.

    Raises:
        SceneError: they may not.
    """
    if after.georeferenced != before.georeferenced:
        raise SceneError(
            "one of the images before and after has a CRS and the other has none: give both with a CRS, or neither",
            parameter="before",
        )
    if not after.georeferenced and after.geobox.shape != before.geobox.shape:
        raise SceneError(
            f"images without a CRS must have one size, got {before.height} x {before.width} before and "
            f"{after.height} x {after.width} after: give the same cut-out, or images with a CRS",
            parameter="before",
        )
    if after.georeferenced and not grids_overlap(before.geobox, after.geobox):
        raise SceneError(
            f"image '{before.name}' before does not overlap image '{after.name}' after: give images of one area",
            parameter="before",
        )
    if after.date and before.date and before.date > after.date:
        raise SceneError(
            f"the image before is of {before.date:%Y-%m-%d}, later than that after of {after.date:%Y-%m-%d}: exchange "
            "them",
            parameter="before",
        )


def _sample_blocks(scene: Window) -> Iterator[Window]:
    """Yield at most 49 blocks, spread evenly over a scene."""
    sides = min(BLOCK_PX, scene.height), min(BLOCK_PX, scene.width)
    starts = (
        np.unique(np.linspace(0, whole - side, min(_BLOCKS_A_SIDE, -(-whole // side))).astype(int)).tolist()
        for whole, side in zip(scene.shape, sides, strict=True)
    )
    rows, cols = starts
    for row in rows:
        for col in cols:
            yield Window(row, col, *sides)


def _block_shift(after: Scene, before: SceneOnGrid, block: Window) -> BlockShift:
    new, new_valid = after.read(["B04"], block)
    old, old_valid = before.read(["B04"], block)
    down, right, peak = measure_shift(new[0], old[0], new_valid & old_valid)
    inside = max(abs(down), abs(right)) < REACH_PX
    return BlockShift(
        block.row + block.height / 2, block.col + block.width / 2, down, right, peak, peak >= TRUSTED_PEAK and inside
    )


def _shift_warnings(scene: Scene, field: ShiftField) -> list[str]:
    if field.trusted:
        return []
    return [
        f"the image before, '{scene.name}', could not be co-registered: no block correlates with the image after "
        f"within {REACH_PX} pixels, so that it is used where its file places it; look at both images side by side"
    ]


def _sample(
    after: Scene, before: Composite, blocks: Sequence[Window]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sample pixels (n, 3) before and after, spread over a pair."""
    pairs = []
    for block in blocks:
        new, new_valid = after.read(TRUE_COLOUR, block)
        old, old_valid = before.read(TRUE_COLOUR, block)
        taken = (new_valid & old_valid)[::_SAMPLE_STEP, ::_SAMPLE_STEP]
        pairs.append(np.concatenate([one[:, ::_SAMPLE_STEP, ::_SAMPLE_STEP][:, taken] for one in (old, new)]))
    samples = np.concatenate(pairs, axis=1).T.astype(np.float64)
    samples = samples[:: max(1, len(samples) // _SAMPLES)]
    return samples[:, :3], samples[:, 3:]
