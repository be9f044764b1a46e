"""The record of a landslide map: what was found, how it was made, and what to beware of. Written as summary.json."""

from datetime import datetime
from typing import Final

from landslip.files.model import Frozen

SENTINEL_ATTRIBUTION: Final = "Contains modified Copernicus Sentinel data"


class SceneRecord(Frozen):
    """The scene that was mapped."""

    name: str
    date: datetime | None
    crs: str | None
    """Authority code or WKT; None for an image without one."""
    height: int
    width: int
    transform: tuple[float, float, float, float, float, float]
    pixel_size_m: tuple[float, float]
    """Width and height of a pixel at the centre."""
    sources: dict[str, str]
    """Where each channel was taken from, and why."""
    identity: str


class SettingsRecord(Frozen):
    """The settings of the run, as resolved."""

    min_area_m2: float
    tile_px: int
    overlap_px: int
    block_px: int
    aoi: str | None
    precision: str
    threads: int | None
    uncertainty: str = "none"
    """``tta``: the second band of the probability holds its standard deviation over four flipped looks at the image."""


class FamiliarityRecord(Frozen):
    """How far the scene lies from what the detector learned from, judged by places spread over it."""

    places: int
    distance: float | None
    """Median over the places; about 1 for patches of the training part. None where the card does not say."""
    far_share: float | None
    """Share of the places that differ more than 99 % of the training patches do."""
    differs_in: tuple[str, ...]
    """In what they differ most."""
    outside_ranges: dict[str, float]
    """Share of the pixels looked at that lie outside the range seen in training, by channel, where the card has one."""


class Summary(Frozen):
    """What ``summary.json`` holds."""

    landslides: int
    landslide_area_m2: float
    observed_share: float
    """Share of the mapped pixels that was observed."""
    observed_area_m2: float
    threshold: float
    detector: str
    detector_sha256: str
    engine: str
    engine_version: str
    wall_s: float
    """Seconds of this process; a run that was resumed also took what was done before."""
    network_s: float
    """Seconds of ``wall_s`` in which the network was at work."""
    peak_rss_mb: float | None
    resumed: bool
    pixels: int
    warnings: tuple[str, ...]
    scene: SceneRecord
    settings: SettingsRecord
    versions: dict[str, str]
    created: datetime
    files: dict[str, str]
    """Each file of the map with its sha256."""
    attribution: tuple[str, ...]
    familiarity: FamiliarityRecord | None = None
    """None where the card does not say what the detector learned from; maps of older versions lack it."""
