"""The tasks that a worker knows, and what each gives back. A task is one line of JSON."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from landslip.files.model import Frozen
from landslip.page.uploads.names import Kind


class SceneSource(Frozen):
    """A scene that was looked at and found fit to map."""

    kind: Literal["scene"] = "scene"
    title: str
    """What the visitor calls it."""
    paths: tuple[Path, ...]
    """Files, or one folder of them, as ``open_scene`` takes them."""
    channels_given: tuple[str, ...] | None = None
    scale: float | None = None
    pixel_size_given_m: float | None = None
    channels: tuple[str, ...]
    height: int
    width: int
    pixel_size_m: float
    georeferenced: bool
    date: datetime | None = None
    observed_share: float
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class PatchSource(Frozen):
    """Labelled patches that were looked at."""

    kind: Literal["patches"] = "patches"
    title: str
    folder: Path
    channels: tuple[str, ...]
    patches: int
    labelled: int
    """How many of them have a mask."""
    notes: tuple[str, ...] = ()


Source = Annotated[SceneSource | PatchSource, Field(discriminator="kind")]

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees."""


class Upload(Frozen):
    """A file that was received: where it lies under a name of our own, and what the visitor called it."""

    path: Path
    shown: str
    kind: Kind


class Bounds(Frozen):
    """What an upload may hold at most."""

    megapixels: int
    patches: int
    members: int
    unpacked_mb: int


class ReadTask(Frozen):
    """Look at an upload: what is in it, and whether it can be mapped."""

    kind: Literal["read"] = "read"
    folder: Path
    """The visitor's own, for what is unpacked."""
    uploads: tuple[Upload, ...]
    channels: str | None = None
    scale: float | None = None
    pixel_size_m: float | None = None
    bounds: Bounds


class ReadAnswer(Frozen):
    """What an upload holds."""

    sources: tuple[Source, ...]
    notes: tuple[str, ...] = ()


class TruthTask(Frozen):
    """Lay a truth on the grid of a scene, for scores and to be seen; gives a ``LaidTruth``."""

    kind: Literal["truth"] = "truth"
    folder: Path
    """The visitor's own, for what is unpacked and made."""
    upload: Upload
    source: SceneSource
    landslide_values: tuple[int, ...] = ()
    """Of a label raster: which values are landslide."""
    bounds: Bounds


class MapTask(Frozen):
    """Map a scene as ``landslip map`` does, into the folder ``out``."""

    kind: Literal["map"] = "map"
    source: SceneSource
    detector: str
    out: Path
    threads: int | None = None


class PatchesTask(Frozen):
    """Run a detector over patches and keep its levels."""

    kind: Literal["patches"] = "patches"
    source: PatchSource
    detector: str
    out: Path
    threads: int | None = None


class Choice(Frozen):
    """What a visitor set on the sliders; the detector's own threshold where None."""

    threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    min_area_m2: Annotated[float, Field(ge=0)] = 400.0
    min_slope_deg: Annotated[float, Field(ge=0, le=90)] = 0.0


class OutlineTask(Frozen):
    """Find the landslides of a finished map again, at other settings, without the network."""

    kind: Literal["outline"] = "outline"
    source: SceneSource
    detector: str
    map_folder: Path
    choice: Choice
    out: Path


class PictureTask(Frozen):
    """Draw the ground in up to three channels, or the probability of a map, to be looked at."""

    kind: Literal["picture"] = "picture"
    source: SceneSource
    channels: tuple[str, ...]
    """Three to mix or one for grey; none for the probability."""
    alike: bool = True
    probability: Path | None = None
    out: Path


class SketchTask(Frozen):
    """Draw outlines, and the probability where wanted, over a picture that was drawn before."""

    kind: Literal["sketch"] = "sketch"
    ground: Path
    """The record (JSON) of the ground's picture."""
    probability: Path | None = None
    """The record of the probability's picture."""
    outlines: Path | None = None
    truth: Path | None = None
    chosen: int | None = None
    """Id of a landslide to point out."""
    longest_px: Annotated[int, Field(ge=64, le=4096)] = 1100
    out: Path
    """The picture to write, WebP."""


class DifferenceTask(Frozen):
    """Compare two inventories of one place."""

    kind: Literal["difference"] = "difference"
    left: SceneSource
    right: SceneSource
    left_outlines: Path
    right_outlines: Path


class ScoreTask(Frozen):
    """Compare a finished map with a truth that was laid on its grid; gives ``Scored``."""

    kind: Literal["score"] = "score"
    map_folder: Path
    mask: Path
    threshold: Annotated[float, Field(gt=0, le=1)]


class SheetTask(Frozen):
    """Draw patches with their truth and what a detector found."""

    kind: Literal["sheet"] = "sheet"
    source: PatchSource
    result: Path | None = None
    """Folder of a ``PatchesTask``; only the truth where None."""
    threshold: float = 0.5
    view: str = "True colour"
    first: int = 0
    count: int = 12
    out: Path


class ProductsTask(Frozen):
    """Make every file of a map for download, at the settings chosen."""

    kind: Literal["products"] = "products"
    source: SceneSource
    detector: str
    map_folder: Path
    choice: Choice
    out: Path


class PatchProductsTask(Frozen):
    """Make the files of a patch result for download."""

    kind: Literal["patch-products"] = "patch-products"
    source: PatchSource
    detector: str
    result: Path
    choice: Choice
    out: Path


class ExploreTask(Frozen):
    """Sum up a data set."""

    kind: Literal["explore"] = "explore"
    data: Path
    out: Path


class MosaicTask(Frozen):
    """Draw the scenes of a data set with their patches in place."""

    kind: Literal["mosaic"] = "mosaic"
    data: Path
    out: Path


class BenchTask(Frozen):
    """Time the engines on this machine."""

    kind: Literal["bench"] = "bench"
    detector: str


Task = Annotated[
    ReadTask
    | TruthTask
    | ScoreTask
    | MapTask
    | PatchesTask
    | OutlineTask
    | PictureTask
    | SketchTask
    | DifferenceTask
    | SheetTask
    | ProductsTask
    | PatchProductsTask
    | ExploreTask
    | MosaicTask
    | BenchTask,
    Field(discriminator="kind"),
]
ANY_TASK: TypeAdapter[Task] = TypeAdapter(Task)
