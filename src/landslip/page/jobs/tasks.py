"""Tasks of the worker processes, and the registry of the functions that perform them.

A task travels as one line of JSON, ``{"MapTask": {...}}``. Its class names the module that performs it. The module is
imported with the first task of that class, so the server and the views import no heavy package.
"""

import hashlib
import json
import warnings
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar

from pydantic import Field

from landslip.files.model import Frozen
from landslip.files.progress import Progress

Kind = Literal["raster", "hdf5", "png", "zip", "geopackage", "geojson", "kml", "flatgeobuf", "parquet"]
"""Format of an uploaded file, recognised by its first bytes."""
Fraction = Annotated[float, Field(ge=0, le=1)]


class Upload(Frozen):
    """A received file: its path, under a name of our own, and its name as the user knows it."""

    path: Path
    name: str
    kind: Kind


class UploadLimits(Frozen):
    """Upper limits on the contents of an upload."""

    megapixels: int
    patches: int
    members: int
    """Entries of a zip archive."""
    unpacked_mb: int


class SceneSource(Frozen):
    """A scene that was opened and checked, and can be mapped."""

    kind: Literal["scene"] = "scene"
    title: str
    paths: tuple[Path, ...]
    """Raster files, or one folder of them, as ``open_scene`` takes them."""
    channels_given: tuple[str, ...] | None = None
    """Channel names that the user gave; None where the files name them."""
    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None
    pixel_size_given_m: float | None = None
    to_toa: bool = False
    """Whether surface reflectance is converted to approximate top-of-atmosphere reflectance."""
    channels: tuple[str, ...]
    height: int
    width: int
    pixel_size_m: float
    georeferenced: bool
    date: datetime | None = None
    valid_fraction: Fraction
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Identifies the scene; titles may be equal."""
        given = (self.channels_given, self.scale, self.offset, self.nodata, self.pixel_size_given_m, self.to_toa)
        return _identify(*self.paths, *given)


class PatchSource(Frozen):
    """A set of patches that was opened and checked."""

    kind: Literal["patches"] = "patches"
    title: str
    folder: Path
    channels: tuple[str, ...]
    patches: int
    labelled: int
    """Number of patches with a mask."""
    unlabelled: frozenset[int] = frozenset()
    """Ids of patches whose mask is a placeholder."""
    notes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Identifies the patches; titles may be equal."""
        return _identify(self.folder)


def _identify(*parts: object) -> str:
    return hashlib.sha256(repr([str(part) for part in parts]).encode()).hexdigest()[:12]


Source = Annotated[SceneSource | PatchSource, Field(discriminator="kind")]


class PolygonSettings(Frozen):
    """Settings that turn the probability of a finished map into landslide polygons."""

    threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    """The detector's own where None."""
    min_area_m2: Annotated[float, Field(ge=0)] = 400.0
    min_slope_deg: Annotated[float, Field(ge=0, le=90)] = 0.0
    """Smallest mean slope of a landslide; 0 keeps all."""


class Task(Frozen):
    """Work for a worker process; ``module`` (below ``landslip.page``) registers the function that performs it."""

    module: ClassVar[str]

    def __init_subclass__(cls, *, module: str, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.module = f"landslip.page.{module}"
        _TASKS[cls.__name__] = cls

    def to_json(self) -> str:
        """Return the task as one line of JSON."""
        return json.dumps({type(self).__name__: self.model_dump(mode="json")})


Result = Frozen | dict[str, Any]
AnyTask = TypeVar("AnyTask", bound=Task)
Handler = Callable[[AnyTask, Progress], Result]
_TASKS: Final[dict[str, type[Task]]] = {}
_HANDLERS: Final[dict[type[Task], Handler[Any]]] = {}


def handles(kind: type[AnyTask]) -> Callable[[Handler[AnyTask]], Handler[AnyTask]]:
    """Register a function as the one that performs the tasks of a class."""

    def register(function: Handler[AnyTask]) -> Handler[AnyTask]:
        _HANDLERS[kind] = function
        return function

    return register


def perform(line: str, progress: Progress) -> dict[str, Any]:
    """Perform a task and return its result as plain values.

    Args:
        line: the task as JSON.
        progress: called with the progress.

    Raises:
        LandslipError: the task cannot be performed.
    """
    ((name, values),) = json.loads(line).items()
    task = _TASKS[name].model_validate(values)
    with warnings.catch_warnings():
        # Python warnings of libraries are for developers; what a user must know is in the result.
        warnings.simplefilter("ignore")
        import_module(task.module)
        result = _HANDLERS[type(task)](task, progress)
    return result if isinstance(result, dict) else result.model_dump(mode="json")


class ReadTask(Task, module="uploads.read"):
    """Open and check an upload; the result is a ``ReadResult``."""

    folder: Path
    """The user's own, for unpacked files."""
    uploads: tuple[Upload, ...]
    channels: str | None = None
    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None
    pixel_size_m: float | None = None
    to_toa: bool = False
    limits: UploadLimits


class ReferenceTask(Task, module="uploads.reference"):
    """Rasterize a reference inventory onto the grid of a scene; the result is a ``SceneReference``."""

    folder: Path
    """The user's own, for unpacked and written files."""
    upload: Upload
    source: SceneSource
    landslide_values: tuple[int, ...] = ()
    """Values of a label raster that mean landslide."""
    layer: str | None = None
    """Of a file with several layers of polygons."""
    limits: UploadLimits


class MapTask(Task, module="jobs.scene_maps"):
    """Map a scene as ``landslip map`` does; the result is a ``SceneResult``."""

    source: SceneSource
    before: SceneSource | None = None
    """Image before the event: what is new since is mapped then."""
    detector: str
    out: Path
    threads: int | None = None
    masks: Literal["auto"] | tuple[Literal["clouds", "shadow", "snow", "water", "vegetation"], ...] = "auto"
    exclude: tuple[float, float, float, float] | None = None
    """West, south, east, north in degrees: landslides are ruled out there."""
    exclude_file: Upload | None = None
    """Polygons in which landslides are ruled out, instead of ``exclude``."""
    exclude_layer: str | None = None
    """Of a file with several layers of polygons."""
    limits: UploadLimits | None = None
    """On the contents of ``exclude_file``."""


class PolygonsTask(Task, module="jobs.scene_maps"):
    """Extract the landslides of a finished map at other settings, without inference; the result is ``Landslides``."""

    source: SceneSource
    detector: str
    map_folder: Path
    settings: PolygonSettings
    out: Path


class LocateTask(Task, module="jobs.scene_maps"):
    """Find the landslide of a GeoPackage that contains a pixel; the result is its ``id``, None if there is none."""

    source: SceneSource
    geopackage: Path
    row: int
    col: int


class ScoreTask(Task, module="jobs.scene_maps"):
    """Score a finished map against a reference on its grid; the result is ``SceneScores``."""

    map_folder: Path
    mask: Path
    threshold: Annotated[float, Field(gt=0, le=1)]


class ComparisonTask(Task, module="jobs.scene_maps"):
    """Compare two inventories of one area; the result is a ``Comparison``."""

    left: SceneSource
    right: SceneSource
    left_landslides: Path
    right_landslides: Path


class PictureTask(Task, module="jobs.pictures"):
    """Render up to three channels of a scene, or the probability of a map; the result is a ``ScenePicture``."""

    source: SceneSource
    channels: tuple[str, ...]
    """Three for a composite, one for grey, none for the probability."""
    probability: Path | None = None
    grid_of: SceneSource | None = None
    """Scene on whose grid ``source`` is rendered; its own where None."""
    out: Path


class OverlayTask(Task, module="jobs.pictures"):
    """Draw outlines, and the probability if given, over a rendered scene; the result names the picture."""

    background: Path
    """Record (JSON) of the ``ScenePicture``."""
    probability: Path | None = None
    """Record of the picture of the probability."""
    landslides: Path | None = None
    not_new: Path | None = None
    """GeoPackage of a map of two dates, whose candidates that are not new are outlined too."""
    reference: Path | None = None
    selected: int | None = None
    """Id of a landslide to highlight."""
    longest_px: Annotated[int, Field(ge=64, le=4096)] = 1100
    out: Path
    """WebP file to write."""


class ProductsTask(Task, module="jobs.products"):
    """Write all files of a map for download; the result is ``Products``."""

    source: SceneSource
    detector: str
    map_folder: Path
    settings: PolygonSettings
    out: Path


class PatchMapTask(Task, module="jobs.patch_maps"):
    """Apply a detector to patches and store the probability; the result is a ``PatchResult``."""

    source: PatchSource
    detector: str
    out: Path
    threads: int | None = None


PatchLayer = Literal["outlines", "probability", "reference", "errors"]


class PatchPicturesTask(Task, module="jobs.patch_maps"):
    """Render patches with layers drawn over them; the result lists the pictures and the landslides of each patch."""

    source: PatchSource
    result: Path | None = None
    """Folder of a ``PatchResult``; without a prediction where None."""
    detector: str = ""
    """Name or path that opens the detector of the result."""
    settings: PolygonSettings = PolygonSettings()
    view: str = "True colour"
    channels: tuple[str, ...] = ()
    """Three for a composite, one for grey, none for ``view``."""
    layers: frozenset[PatchLayer] = frozenset()
    selected: str | None = None
    """Number of a landslide to highlight."""
    first: int = 0
    count: int = 12
    out: Path


class PatchProductsTask(Task, module="jobs.products"):
    """Write the files of a patch result for download; the result is ``Products``."""

    source: PatchSource
    detector: str
    result: Path
    settings: PolygonSettings
    out: Path


class ExploreTask(Task, module="jobs.statistics"):
    """Summarise a data set."""

    data: Path
    out: Path


class MosaicTask(Task, module="jobs.statistics"):
    """Draw the scenes of a data set with each patch at its position."""

    data: Path
    out: Path


class PublishedTask(Task, module="jobs.published"):
    """List the published networks; the result has ``networks``, each with the name of its weights and its own."""


class FetchTask(Task, module="jobs.published"):
    """Download published weights and write them as a detector; the result is its ``path``."""

    name: str
    out: Path


class BenchmarkTask(Task, module="jobs.statistics"):
    """Measure the throughput of the engines on this machine."""

    detector: str
