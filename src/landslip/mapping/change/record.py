"""What a map of two dates tells about its pair, in ``summary.json``."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from landslip.change.detector import ChangeDetector
from landslip.change.pair import ScenePair
from landslip.files.model import FrozenRecord


class ShiftRecord(FrozenRecord):
    """Co-registration of an image before."""

    scene: str
    down_px: float
    """At the centre of the scene, in pixels of the map: how far the image lay too low; it was moved back."""
    right_px: float
    residual_px: float | None
    """Root mean square distance of the trusted blocks from the shift that was applied; None without one."""
    blocks: int
    trusted_blocks: int


class ChangeRecord(FrozenRecord):
    """The pair of a map of two dates, and what was found not to be new."""

    before: tuple[str, ...]
    """Names of the scenes before the event."""
    date_before: datetime | None
    date_after: datetime | None
    detector: str
    """Of change."""
    detector_trained_on: str
    threshold_after: float
    """Probability from which a pixel is landslide in the image after alone."""
    masks_before: dict[str, dict[str, str]] = Field(default={})
    """Rules of the masks of each image before, by its name."""
    index: str
    """That ``change_before`` and ``change_after`` are means of."""
    bands: dict[str, str]
    """Bands of evidence and their sources."""
    shifts: tuple[ShiftRecord, ...]
    gains: tuple[float, ...]
    """DN after = gain x DN before + offset on pixels that did not change; red, green, blue."""
    offsets: tuple[float, ...]
    stable_fraction: float
    """Of the sampled pixels, those taken as unchanged."""
    not_new: int
    """Candidates of the image after that are not new; in layer ``not_new``."""
    not_new_area_m2: float


def record_change(
    pair: ScenePair,
    change: ChangeDetector,
    masks_before: Mapping[str, Mapping[str, str]],
    threshold_after: float,
    not_new: tuple[int, float],
) -> ChangeRecord:
    """Record a pair.

    Args:
        pair: of the map.
        change: that found what is new.
        masks_before: rules of the masks of each image before.
        threshold_after: of the detector for one image.
        not_new: number of candidates that are not new, and their area in m2.
    """
    middle = pair.after.height / 2, pair.after.width / 2
    shifts = []
    for member in pair.before.members:
        field = member.shift
        down, right = (plane[0] + plane[1] * middle[0] + plane[2] * middle[1] for plane in (field.down, field.right))
        trusted = sum(block.trusted for block in field.blocks)
        shifts.append(
            ShiftRecord(
                scene=member.scene.name,
                down_px=down,
                right_px=right,
                residual_px=field.residual_px() if trusted else None,
                blocks=len(field.blocks),
                trusted_blocks=trusted,
            )
        )
    return ChangeRecord(
        before=tuple(member.scene.name for member in pair.before.members),
        date_before=pair.date_before,
        date_after=pair.after.date,
        detector=change.name,
        detector_trained_on=change.trained_on,
        threshold_after=threshold_after,
        masks_before={name: dict(rules) for name, rules in masks_before.items()},
        index=pair.index,
        bands={band.name: band.source for band in pair.bands},
        shifts=tuple(shifts),
        gains=pair.radiometry.gains,
        offsets=pair.radiometry.offsets,
        stable_fraction=pair.radiometry.stable_fraction,
        not_new=not_new[0],
        not_new_area_m2=not_new[1],
    )
