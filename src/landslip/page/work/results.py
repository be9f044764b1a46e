"""What tasks give back, as the views read it."""

from pathlib import Path

from landslip.page.work.sources import PatchSource, SceneSource
from landslip.page.work.tasks import Box
from landslip.training.frozen import Frozen


class TruthCounts(Frozen):
    """Pixels at each stored level of probability, landslide and not landslide apart: scores at any threshold."""

    landslide: tuple[int, ...]
    other: tuple[int, ...]


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
    truth: TruthCounts | None = None
    truth_outlines: Path | None = None
    """GeoPackage with the landslides of the truth."""


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
