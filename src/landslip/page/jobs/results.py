"""What can be mapped: a scene of raster files, or a set of labelled patches. They travel between processes as JSON."""

from pathlib import Path

from landslip.files.model import Frozen
from landslip.page.jobs.tasks import Box, PatchSource, SceneSource


class LaidTruth(Frozen):
    """A truth on the grid of a scene."""

    source: SceneSource
    title: str
    """What the visitor calls it."""
    mask: Path
    """GeoTIFF on the scene's grid: landslide 1, not landslide 0, not known 255."""
    outlines: Path
    """GeoPackage of the landslides, as their pixels lie."""
    geojson: Path | None
    """The largest in longitude and latitude; None without a place."""
    landslides: int
    known_share: float
    """Of the scene."""
    notes: tuple[str, ...]
    """What a reader of the scores must know."""


class Scored(Frozen):
    """A map against a truth, as ``landslip evaluate --map --truth`` says it."""

    landslide: tuple[int, ...]
    """Pixels of landslide at each stored level of probability; what the map did not observe is at level 0."""
    other: tuple[int, ...]
    """The same of ground without landslide."""
    f1_interval: tuple[float, float]
    """95 % over blocks of the ground."""
    blocks: int
    few_blocks: bool
    true_landslides: int
    mapped_landslides: int
    pairs: int
    """Landslides of truth and map that are one, one to one."""
    least_iou: float
    """Overlap from which they are."""
    touched: int
    """True landslides of which any pixel was found."""
    notes: tuple[str, ...]


class SceneResult(Frozen):
    """A finished map."""

    source: SceneSource
    detector: str
    """By which it is opened again."""
    name: str
    """Of the detector's card."""
    threshold: float
    """The detector's own."""
    folder: Path
    """With the files that ``landslip map`` leaves."""
    slope_known: bool
    wall_s: float
    network_s: float
    warnings: tuple[str, ...]


class PatchResult(Frozen):
    """What a detector said of patches; ``levels.npy`` and ``masks.npy`` (N, H, W) lie in the folder."""

    source: PatchSource
    detector: str
    name: str
    threshold: float
    folder: Path
    ids: tuple[int, ...]
    shares: tuple[float | None, ...]
    """Landslide share of each patch by the truth; None without one."""
    views: tuple[str, ...]
    slope_known: bool


class Drawn(Frozen):
    """A picture to look at."""

    image: Path
    """On the scene's own grid, WebP."""
    record: Path
    """This very record, JSON."""
    width: int
    height: int
    transform: tuple[float, float, float, float, float, float]
    """From its pixels to the coordinates that outlines are in."""
    mercator: Path | None = None
    """The same laid on the web's map, WebP with transparency where not observed; None without a place."""
    bounds: Box | None = None
    """Of the latter."""


class Found(Frozen):
    """The landslides of a map at the settings chosen."""

    count: int
    area_m2: float
    geopackage: Path
    rows: tuple[dict[str, float | int | str | None], ...]
    """The largest, with their attributes and ``west``, ``south``, ``east``, ``north``."""
    geojson: Path | None = None
    """The largest in longitude and latitude; None without a place."""


class Products(Frozen):
    """Files to download, by what they are."""

    files: dict[str, Path]
    archive: Path
