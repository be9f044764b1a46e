"""What a map tells about the images before and after an event, in ``summary.json``."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from landslip.change.detector import ChangeDetector
from landslip.change.pair import ScenePair
from landslip.change.scene_on_grid import SceneOnGrid
from landslip.files.model import FrozenRecord
from landslip.mapping.masks.image_masks import CompositeMasks


class ShiftRecord(FrozenRecord):
    """Co-registration of an image with the scene."""

    scene: str
    down_px: float
    """At the centre of the scene, in pixels of the map: how far the image lay too low; it was moved back."""
    right_px: float
    residual_px: float | None
    """Root mean square distance of the trusted blocks from the shift that was applied; None without one."""
    blocks: int
    trusted_blocks: int


class ImageRecord(FrozenRecord):
    """An image of a composite after an event."""

    name: str
    date: datetime | None
    shift: ShiftRecord | None
    """None for the image that gave the grid."""
    gains: dict[str, float]
    """DN in the light of the image that gave the grid = gain x DN + offset, by channel; empty where it was left."""
    offsets: dict[str, float]
    masks: dict[str, str]
    """Source and rule of each of its masks, by the name of the mask."""


class ChangeRecord(FrozenRecord):
    """The pair of a map of two dates, and what was found not to be new."""

    before: tuple[str, ...]
    """Names of the scenes before the event."""
    date_before: datetime | None
    """The latest of several."""
    date_after: datetime | None
    """The latest of several."""
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
        shifts=tuple(_record_shift(member) for member in pair.before.members),
        gains=pair.radiometry.gains,
        offsets=pair.radiometry.offsets,
        stable_fraction=pair.radiometry.stable_fraction,
        not_new=not_new[0],
        not_new_area_m2=not_new[1],
    )


def record_images(after: CompositeMasks) -> tuple[ImageRecord, ...]:
    """Record the images of a composite after an event, the one that gave the grid first."""
    return tuple(
        ImageRecord(
            name=member.scene.name,
            date=member.scene.date,
            shift=_record_shift(member) if number else None,
            gains={name: gain for name, (gain, _) in member.light.items()},
            offsets={name: offset for name, (_, offset) in member.light.items()},
            masks=dict(after.images.masks[number].rules) if after.images.masks else {},
        )
        for number, member in enumerate(after.composite.members)
    )


def _record_shift(member: SceneOnGrid) -> ShiftRecord:
    """Record the shift of an image at the centre of the grid."""
    height, width = member.grid.shape
    field = member.shift
    down, right = (plane[0] + plane[1] * height / 2 + plane[2] * width / 2 for plane in (field.down, field.right))
    trusted = sum(block.trusted for block in field.blocks)
    return ShiftRecord(
        scene=member.scene.name,
        down_px=down,
        right_px=right,
        residual_px=field.residual_px() if trusted else None,
        blocks=len(field.blocks),
        trusted_blocks=trusted,
    )
