"""Results of tasks; they travel between processes as JSON."""

from pathlib import Path
from typing import Final

from landslip.files.model import Frozen
from landslip.page.jobs.tasks import Fraction, PatchSource, SceneSource, Source

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees."""
MAX_SHOWN: Final = 2000
"""Most landslides that the map and the table show; the files hold all of them."""


class ReadResult(Frozen):
    """Contents of an upload."""

    sources: tuple[Source, ...]
    notes: tuple[str, ...] = ()


class SceneReference(Frozen):
    """A reference inventory on the grid of a scene."""

    source: SceneSource
    title: str
    mask: Path
    """GeoTIFF on the scene's grid: landslide 1, background 0, nodata 255."""
    landslides: Path
    """GeoPackage of the reference landslides, outlined along pixel edges."""
    geojson: Path | None
    """The largest of them in longitude and latitude; None without a CRS."""
    count: int
    valid_fraction: Fraction
    notes: tuple[str, ...]
    """What a reader of the scores must know."""


class SceneScores(Frozen):
    """Scores of a map against a reference, as ``landslip evaluate-map`` reports them."""

    landslide: tuple[int, ...]
    """Reference landslide pixels at each encoded probability; nodata of the map counts as probability 0."""
    background: tuple[int, ...]
    """The same for background pixels."""
    f1_interval: tuple[float, float] | tuple[None, None]
    """95 % interval, bootstrapped over spatial blocks; None for too few of them."""
    blocks: int
    few_blocks: bool
    reference_landslides: int
    mapped_landslides: int
    matches: int
    """One-to-one matches of reference and mapped landslides."""
    min_iou: float
    """Smallest IoU of a match."""
    detected: int
    """Reference landslides with at least one detected pixel."""
    notes: tuple[str, ...]


class SceneResult(Frozen):
    """A finished map."""

    source: SceneSource
    before: SceneSource | None = None
    """Image before the event, in a map of what is new since."""
    detector: str
    """Name or path that opens the detector."""
    name: str
    """Of the detector's card."""
    threshold: float
    """The detector's own."""
    folder: Path
    """With the files that ``landslip map`` writes."""
    has_slope: bool
    wall_s: float
    network_s: float
    warnings: tuple[str, ...]


class PatchResult(Frozen):
    """Predictions for patches: ``encoded.npy`` and ``masks.npy``, both (N, H, W) uint8, in ``folder``."""

    source: PatchSource
    detector: str
    name: str
    threshold: float
    folder: Path
    ids: tuple[int, ...]
    views: tuple[str, ...]


class ScenePicture(Frozen):
    """A rendered scene or probability."""

    image: Path
    """WebP on the scene's own grid."""
    record: Path
    """This record as JSON."""
    width: int
    height: int
    transform: tuple[float, float, float, float, float, float]
    """From picture pixels to the coordinates of the outlines."""
    mercator: Path | None = None
    """The same in Web Mercator, transparent where nodata; None without a CRS."""
    bounds: Box | None = None
    """Bounds of the latter."""


class Landslides(Frozen):
    """The landslides of a map at some settings."""

    count: int
    area_m2: float
    geopackage: Path
    rows: tuple[dict[str, float | int | str | None], ...]
    """The largest, with their attributes, ``number``, and ``west``, ``south``, ``east``, ``north``."""
    geojson: Path | None = None
    """The largest in longitude and latitude; None without a CRS."""


class Overlap(Frozen):
    """Overlap of one inventory with another."""

    overlapping: int
    """Landslides that overlap one of the other inventory."""
    unmatched: int
    unmatched_m2: float
    """Area that only this inventory has."""


class Comparison(Frozen):
    """Two inventories compared; without overlaps where their grids differ."""

    left: Overlap | None = None
    right: Overlap | None = None


class Products(Frozen):
    """Files for download, by name."""

    files: dict[str, Path]
    archive: Path
