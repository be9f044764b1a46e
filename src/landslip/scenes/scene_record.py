"""The record of a fetched scene, ``scene.json``: where every file of the folder is from, and how to read it."""

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from pydantic import Field, ValidationError

from landslip.errors import SceneError
from landslip.files.model import FrozenRecord
from landslip.scenes.dates import AcquisitionDate
from landslip.scenes.product_metadata import Statement
from landslip.scenes.raster_file import RasterFile
from landslip.scenes.safe_metadata import SafeMetadata

RECORD_NAME: Final = "scene.json"
_MAX_BYTES: Final = 50_000_000


class FileRecord(FrozenRecord):
    """A file of the folder."""

    bytes: int
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    holds: str
    """Channel and unit, or what else it holds."""


class GridRecord(FrozenRecord):
    """The grid of all rasters."""

    crs: str
    width: int
    height: int
    transform: tuple[float, float, float, float, float, float]


class SourceRecord(FrozenRecord):
    """An image of the catalogue that was used; its position in the list is its value in ``source.tif``, from 1."""

    name: str
    collection: str
    item: str
    sensed: dt.datetime
    platform: str
    tile: str
    relative_orbit: int | None
    baseline: str
    offset_dn: float
    """That was added to the stored values."""
    offset_from: str
    stated_cloud_percent: float | None
    sun_zenith_deg: float | None
    sun_azimuth_deg: float | None
    pixels_fraction: float
    """Fraction of the pixels of the scene that are from this image."""
    files: dict[str, str]
    """URL by channel, without tokens."""
    licence: str


class PassRecord(FrozenRecord):
    """A pass of a satellite that was found, and why it was chosen or not."""

    name: str
    day: dt.date
    images: tuple[str, ...]
    observed_fraction: float
    clear_fraction: float
    stated_cloud_percent: float | None
    by_classification: bool
    chosen: bool
    reason: str


class SceneRecord(FrozenRecord):
    """``scene.json``."""

    format: Literal["landslip-scene"] = "landslip-scene"
    format_version: Literal[1] = 1
    software: str
    level: Literal["L1C", "L2A"]
    date: dt.datetime | None
    """Sensing time of the earliest image where all are of one day; None where days are mixed."""
    days: tuple[dt.date, ...]
    """Days that pixels are from."""
    clear_fraction: float
    """Fraction of the area that shows the ground."""
    request: dict[str, Any]
    """Area, dates and catalogue as asked for."""
    grid: GridRecord
    channels: tuple[str, ...]
    sources: tuple[SourceRecord, ...]
    passes: tuple[PassRecord, ...]
    elevation: tuple[str, ...] = ()
    """Items or file that elevation is from."""
    licence: str
    attribution: str
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    files: dict[str, FileRecord]

    def metadata(self) -> SafeMetadata:
        """Return what identifies the products, in the form in which opened products state it."""
        first = self.sources[0]
        one = len(self.sources) == 1
        return SafeMetadata(
            name=first.name if one else f"{first.name} and {len(self.sources) - 1} more",
            level=self.level,
            baseline=first.baseline or "unknown",
            spacecraft=first.platform,
            relative_orbit=first.relative_orbit,
            orbit_direction=None,
            sensed=self.date,
            quantification=10_000.0,
            offsets=MappingProxyType({}),
            tile=first.tile if one else None,
            sun_zenith_deg=first.sun_zenith_deg,
            sun_azimuth_deg=first.sun_azimuth_deg,
            cloudy_percent=first.stated_cloud_percent if one else None,
        )


def read_scene_record(folder: Path) -> SceneRecord | None:
    """Read the record of a folder; None where it is no fetched scene.

    Raises:
        SceneError: the record is damaged, or of another version.
    """
    path = folder / RECORD_NAME
    try:
        if not path.is_file() or path.stat().st_size > _MAX_BYTES:
            return None
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or content.get("format") != "landslip-scene":
        return None
    try:
        return SceneRecord.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise SceneError(
            f"{path} is damaged or of another version ({'.'.join(map(str, first['loc']))}: {first['msg']}): fetch the "
            "scene again, or move the file away"
        ) from error


def find_scene_record(given: Sequence[Path]) -> tuple[Path, SceneRecord] | None:
    """Return the fetched scene among folders, with its record; None if there is none."""
    for path in given:
        if path.is_dir() and (record := read_scene_record(path)) is not None:
            return path, record
    return None


def state_values(files: Sequence[RasterFile], folder: Path, record: SceneRecord) -> None:
    """Tell the files of a fetched scene that they hold DN from which the offset was removed."""
    for file in files:
        if file.path.parent == folder and file.path.name in record.files:
            file.statement = Statement(RECORD_NAME, record.sources[0].baseline, 0.0)


def acquisition_of(record: SceneRecord) -> AcquisitionDate:
    """Return the date of a fetched scene; unknown where images of several days are combined."""
    if record.date is not None:
        return AcquisitionDate(record.date, notes=(f"date {record.date.date()}: from {RECORD_NAME}",))
    days = ", ".join(one.isoformat() for one in record.days)
    return AcquisitionDate(None, warnings=(f"the scene combines images of {days}: it has no single acquisition date",))


def changed_files(folder: Path, record: SceneRecord) -> list[str]:
    """Return a warning for each file that is missing or has another size than when it was fetched."""
    return [
        f"{name} is missing or has another size than {RECORD_NAME} tells: fetch the scene again"
        for name, told in record.files.items()
        if not (folder / name).is_file() or (folder / name).stat().st_size != told.bytes
    ]


def check_files(folder: Path, record: SceneRecord) -> list[str]:
    """Return the names of the files that are missing or have changed since the scene was fetched."""
    return [
        name
        for name, told in record.files.items()
        if not (folder / name).is_file() or describe_file(folder / name, told.holds) != told
    ]


def describe_file(path: Path, holds: str) -> FileRecord:
    """Return the record of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as opened:
        while chunk := opened.read(1 << 20):
            digest.update(chunk)
    return FileRecord(bytes=path.stat().st_size, sha256=digest.hexdigest(), holds=holds)
