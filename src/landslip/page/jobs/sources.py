"""What can be mapped: a scene of raster files, or a set of labelled patches. They travel between processes as JSON."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from landslip.files.model import Frozen


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
