"""Synthetic pairs of dates with known truth: new and old landslides, harvested fields, a swollen river, snow.

The same ground is simulated twice. Before the event it is another season, with a lower sun, drier plants and snow;
after it the river is wide and carries sediment, and other fields are bare. Some landslides are there on both dates.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from landslip.channels import TRUE_COLOUR
from landslip.files.model import Frozen
from landslip.grid.window import Window
from landslip.synthetic.land_cover import find_bare_fields, find_snow_line, land_covers
from landslip.synthetic.landscape import Landscape, View
from landslip.synthetic.landslides import Landslide
from landslip.synthetic.noise import hash_pairs
from landslip.synthetic.region import Region

Mask = NDArray[np.bool_]

LOOKALIKES: Final = ("old", "harvested", "flooded")
"""Names of the masks of ground that a detector of one image may take for a landslide, and that is none or not new."""
_SAMPLE_PX: Final = 600
_MAIN: Final = 0.5
"""Fraction of a pixel from which it counts as covered."""


class PairSettings(Frozen):
    """What differs between the dates of a synthetic pair.

    Example:
        >>> PairSettings(snow_fraction=0).water_stage
        2.0
    """

    old_fraction: Annotated[float, Field(ge=0, le=1)] = 0.35
    """Of the landslides, those that are there before."""
    water_stage: Annotated[float, Field(ge=1)] = 2.0
    """Width of the river after, as a multiple of that before."""
    turbidity: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Fraction of the water after that carries sediment."""
    snow_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Fraction of the ground under snow before; other covers, such as fields, have none."""
    dryness: Annotated[float, Field(ge=-1, le=1)] = 0.3
    """Added to the dryness of plants before."""
    sun_lower_deg: Annotated[float, Field(ge=0, le=30)] = 10.0
    """The sun before is lower by this."""


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticPair:
    """Two dates of one ground and their truth; masks are (h, w)."""

    before: View
    after: View
    new: Mask
    """Landslides that are there after only."""
    old: Mask
    """Landslides that are there on both dates."""
    harvested: Mask
    """Fields that are bare after and were not before."""
    flooded: Mask
    """Water after that was land before."""
    snow: Mask
    """Snow before."""


def make_scene_pair(
    region: Region, window: Window, settings: PairSettings | None = None, channels: tuple[str, ...] = TRUE_COLOUR
) -> SyntheticPair:
    """Simulate a pair of dates of a window of a region.

    Args:
        region: after the event.
        window: aligned to 60 m.
        settings: what differs; the defaults where None.
        channels: to simulate.

    Raises:
        ValueError: the window is not aligned.
    """
    settings = settings or PairSettings()
    now = Landscape(replace(region, visit=1, water_stage=settings.water_stage, turbidity=settings.turbidity))
    earlier = replace(
        region,
        dryness=float(np.clip(region.dryness + settings.dryness, 0, 1)),
        sun_zenith_deg=min(region.sun_zenith_deg + settings.sun_lower_deg, 75.0),
        snow_line_m=_snow_line(now, settings.snow_fraction),
    )
    then = Landscape(earlier, ground=now)

    def is_old(landslide: Landslide) -> bool:
        place = (np.array([round(64 * position)], np.int64) for position in landslide.start)
        return bool(hash_pairs(region.seed + 95, *place)[0] < settings.old_fraction)

    old = then.landslide_mask(window, [one for one in now.landslides.intersecting(window) if is_old(one)]) > 0
    before, after = then.render(window, channels, is_old), now.render(window, channels)
    bare_before, bare_after = (
        find_bare_fields(one.region, one.relief, window, view.terrain) for one, view in ((then, before), (now, after))
    )
    snow, wet_before = _covers(then, window, before)
    _, wet_after = _covers(now, window, after)
    slid = after.landslide > 0
    return SyntheticPair(
        before=before,
        after=after,
        new=slid & ~old,
        old=old,
        harvested=bare_after & ~bare_before & ~slid,
        flooded=wet_after & ~wet_before & ~slid,
        snow=snow,
    )


def _snow_line(landscape: Landscape, fraction: float) -> float:
    """Return the snow line of a fraction, by the middle of the region, so that no window matters."""
    region = landscape.region
    height, width = min(region.height_px, _SAMPLE_PX), min(region.width_px, _SAMPLE_PX)
    middle = Window((region.height_px - height) // 2, (region.width_px - width) // 2, height, width)
    return find_snow_line(region, middle, landscape.terrain(middle), fraction)


def _covers(landscape: Landscape, window: Window, view: View) -> tuple[Mask, Mask]:
    """Return where snow and where water, clear or turbid, covers most of a pixel."""
    snow, water = np.zeros(window.shape, np.float32), np.zeros(window.shape, np.float32)
    bare = np.zeros(window.shape, np.float32)
    for name, fraction, _ in land_covers(landscape.region, landscape.relief, window, view.terrain, bare):
        if name == "snow":
            snow += fraction
        elif name.endswith("water"):
            water += fraction
    return snow > _MAIN, water > _MAIN
