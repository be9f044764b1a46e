"""A pair of dates: what is measured once when it is opened, and evidence of change in any window."""

from collections.abc import Mapping, Sequence
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
from landslip.change.placement import place_on_grid, sample_both
from landslip.change.scene_on_grid import Composite
from landslip.change.white_ground import LEAST_DN, WHITE_LIMIT, WhiteTest, measure_white
from landslip.change.white_ground import MARGIN_PX as WHITE_MARGIN_PX
from landslip.channels import TRUE_COLOUR, ndvi
from landslip.errors import SceneError
from landslip.files.progress import Progress, no_progress
from landslip.grid.window import Window
from landslip.scenes.scene import Scene

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

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
    """Several images after are a composite already (``composite_scene.py``)."""
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
        after.require(TRUE_COLOUR, "the comparison of two dates")
        for scene in before:
            _check_order(after, scene)
        members, warnings = place_on_grid(after, before, "before", progress)
        composite = Composite(tuple(members))
        old, new = sample_both(composite, after, TRUE_COLOUR, after.window)
        if len(new) and np.array_equal(old, new):
            warnings.append(
                "the images before and after hold the same values, so nothing is new: give two images of different days"
            )
        return cls(after, composite, measure_radiometry(old, new), measure_white(old, new), tuple(warnings))

    @property
    def date_before(self) -> datetime | None:
        """The latest date before the event; None where one is unknown."""
        return self.before.date

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


def _check_order(after: Scene, before: Scene) -> None:
    """Check that an image before is not later than the image after, or any image of it if it is a composite.

    Raises:
        SceneError: it is later.
    """
    for scene in after.members or (after,):
        if scene.date and before.date and before.date > scene.date:
            raise SceneError(
                f"image '{before.name}' before the event is of {before.date:%Y-%m-%d}, later than image "
                f"'{scene.name}' after it of {scene.date:%Y-%m-%d}: exchange them",
                parameter="before",
            )
