"""Fetching a scene: search, choice, loading, and the folder that holds the result.

The folder appears under its name once it is complete. Until then everything is in a hidden folder beside it, from which
an interrupted run resumes.
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import shapely
from odc.geo.geobox import GeoBox
from shapely.geometry.base import BaseGeometry

from landslip import __version__
from landslip.channels import CHANNELS
from landslip.errors import OutputError, RunError, SceneError
from landslip.files.atomic import check_disk_space, lock_file, write_text
from landslip.files.progress import Progress, no_progress
from landslip.scenes.catalogue.area_grid import grid_of_area
from landslip.scenes.catalogue.choose import find_images, make_plan, planned_images, reader_of
from landslip.scenes.catalogue.items import Image
from landslip.scenes.catalogue.loading import WINDOW_PX, Load, Loader
from landslip.scenes.catalogue.pictures import draw_quicklook
from landslip.scenes.catalogue.presets import Catalogue, find_catalogue
from landslip.scenes.catalogue.reading import RemoteReader, Retries
from landslip.scenes.catalogue.request import FetchSettings, Plan, parse_plan
from landslip.scenes.scene_record import (
    RECORD_NAME,
    GridRecord,
    SceneRecord,
    SourceRecord,
    describe_file,
    read_scene_record,
)

_UNFINISHED: Final = ".fetch"
_PLAN: Final = "plan.json"
_QUICKLOOK: Final = "quicklook.png"
_LICENCE: Final = "https://sentinel.esa.int/documents/247904/690755/Sentinel_Data_Legal_Notice"
_BYTES_PER_PIXEL: Final = 3
"""Of a channel, compressed; measured between 1.5 and 2.5."""


@dataclass(frozen=True, slots=True)
class FetchedScene:
    """A finished folder."""

    folder: Path
    record: SceneRecord


def fetch_scene(
    area: BaseGeometry,
    day: date,
    out: Path,
    settings: FetchSettings,
    *,
    overwrite: bool = False,
    workers: int = 8,
    window_px: int = WINDOW_PX,
    retries: Retries | None = None,
    catalogue: Catalogue | None = None,
    progress: Progress = no_progress,
) -> FetchedScene:
    """Fetch the images of an area and a day into a folder that ``open_scene`` reads.

    Args:
        area: polygons in degrees of longitude and latitude (WGS 84).
        day: of the event.
        out: folder for the scene: new or empty.
        settings: how images are searched for and combined.
        overwrite: whether an earlier scene in the folder may be replaced.
        workers: number of threads that read at once.
        window_px: side of the windows that are read.
        retries: how reads are repeated.
        catalogue: that the settings name; found by its name where None.
        progress: told of progress.

    Raises:
        AreaError: the area does not fit one UTM zone.
        SettingsError: a setting is not allowed, or credentials are missing.
        SceneError: there is no usable image.
        OutputError: the folder has files, or cannot be written.
        RunError: the catalogue or a file cannot be read; the next call with the same arguments resumes.
        MissingExtraError: the extra ``scenes`` is not installed.
    """
    _check_out(out, overwrite=overwrite)
    settings.bands()
    chosen = catalogue or find_catalogue(settings.catalogue, settings.collection, settings.level)
    request = {
        # Lists, as JSON has no tuples: the request of an interrupted run is compared with it.
        "area": json.loads(shapely.to_geojson(area)),
        "date": day.isoformat(),
        "settings": settings.model_dump(mode="json"),
        "window_px": window_px,
    }
    work = out.absolute().parent / f".{out.absolute().name}{_UNFINISHED}"
    try:
        work.mkdir(parents=True, exist_ok=True)
        with (work / "lock").open("w") as lock:
            if not lock_file(lock):
                raise RunError(f"{out} is being fetched by another process: wait for it, or give another folder")
            plan = _kept_plan(work, request)
            if plan is None:
                found = find_images(
                    area, day, settings, workers=workers, progress=progress, retries=retries, catalogue=chosen
                )
                plan = make_plan(found, area, settings, request, retries)
                reader, grid = found.reader, found.grid
                write_text(work / _PLAN, plan.model_dump_json())
            else:
                reader, grid = reader_of(chosen, chosen.collections[settings.level], retries), grid_of_area(area)
            # Tokens are given for one collection.
            of_elevation = reader_of(chosen, chosen.collections["elevation"], retries)
            record = _load(plan, chosen, settings, reader, of_elevation, grid, work, workers, window_px, progress)
            _finish(work / "files", out)
    except OSError as error:
        raise OutputError(
            f"{out} cannot be written ({error.strerror or error}): give a folder on a disk with space that you may "
            "write to",
            parameter="out",
        ) from error
    finally:
        # A search that failed leaves nothing to resume.
        if work.is_dir() and not (work / _PLAN).exists():
            shutil.rmtree(work, ignore_errors=True)
    shutil.rmtree(work, ignore_errors=True)
    return FetchedScene(out, record)


def _load(
    plan: Plan,
    catalogue: Catalogue,
    settings: FetchSettings,
    reader: RemoteReader,
    elevation_reader: RemoteReader,
    grid: GeoBox,
    work: Path,
    workers: int,
    window_px: int,
    progress: Progress,
) -> SceneRecord:
    """Load what a plan names into ``work/files``, and write the record."""
    images = planned_images(plan, catalogue)
    folder = work / "files"
    windows = work / "windows"
    for one in (folder, windows):
        one.mkdir(exist_ok=True)
        # A run that was killed may have left a file that is not complete.
        for left in one.glob(".*.part"):
            left.unlink()
    channels = (*plan.channels, *(["elevation"] if plan.elevation else []))
    height, width = map(int, grid.shape)
    check_disk_space(work, int(height * width * (_BYTES_PER_PIXEL * len(channels) + 8)))
    load = Load(grid, images, plan.channels, tuple(plan.elevation.values()), window_px)
    fractions = Loader(load, reader, elevation_reader, folder, windows, workers, progress).run()
    draw_quicklook(folder, plan.channels, folder / _QUICKLOOK)
    record = _record(plan, settings, images, fractions, grid, channels, folder)
    write_text(folder / RECORD_NAME, record.model_dump_json(indent=2))
    return record


def _record(
    plan: Plan,
    settings: FetchSettings,
    images: Sequence[Image],
    fractions: Sequence[float],
    grid: GeoBox,
    channels: Sequence[str],
    folder: Path,
) -> SceneRecord:
    used = [image for image, fraction in zip(images, fractions, strict=True) if fraction > 0]
    if not used:
        raise SceneError("the chosen images have no value in the area: give more days", parameter="days_after")
    days = sorted({image.sensed.date() for image in used})
    years = sorted({one.year for one in days})
    height, width = map(int, grid.shape)
    named = {name: f"{name}, {CHANNELS[name].unit}" for name in channels} | {
        "SCL": "scene classification",
        "valid": "validity: 255 where every reflectance channel has a value",
        "source": "number of the image in sources, 0 where none",
        "quicklook": "picture",
    }
    files = {
        path.name: describe_file(path, named.get(path.stem, "")) for path in sorted(folder.iterdir()) if path.is_file()
    }
    files.pop(RECORD_NAME, None)
    return SceneRecord(
        software=f"landslip {__version__}",
        level=settings.level,
        date=min(image.sensed for image in used) if len(days) == 1 else None,
        days=tuple(days),
        clear_fraction=plan.clear_fraction,
        request=plan.request,
        grid=GridRecord(crs=str(grid.crs), width=width, height=height, transform=tuple(grid.affine)[:6]),
        channels=tuple(channels),
        sources=tuple(
            _source(image, fraction, plan.channels) for image, fraction in zip(images, fractions, strict=True)
        ),
        passes=plan.passes,
        elevation=tuple(plan.elevation),
        licence=next((image.licence for image in images if image.licence), _LICENCE),
        attribution=f"Contains modified Copernicus Sentinel data {', '.join(map(str, years))}"
        + ("; elevation: Copernicus DEM GLO-30" if plan.elevation and settings.elevation == "catalogue" else ""),
        warnings=plan.warnings,
        notes=plan.notes,
        files=files,
    )


def _source(image: Image, fraction: float, channels: Sequence[str]) -> SourceRecord:
    first = image.bands[channels[0]]
    files = {name: image.bands[name].href for name in channels}
    return SourceRecord(
        name=image.name,
        collection=image.collection,
        item=image.href,
        sensed=image.sensed,
        platform=image.platform,
        tile=image.tile,
        relative_orbit=image.orbit,
        baseline=image.baseline,
        offset_dn=first.offset_dn or 0.0,
        offset_from=first.offset_from,
        stated_cloud_percent=image.stated_cloud_percent,
        sun_zenith_deg=image.sun_zenith_deg,
        sun_azimuth_deg=image.sun_azimuth_deg,
        pixels_fraction=fraction,
        files=files | ({"SCL": image.classification} if image.classification else {}),
        licence=image.licence,
    )


def _check_out(out: Path, *, overwrite: bool) -> None:
    """Check, before any work, that the folder can be made.

    Raises:
        OutputError: it has files that must not be replaced.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise OutputError(f"{out} is a file: give a folder", parameter="out")
    if not any(out.iterdir()):
        return
    if not overwrite:
        raise OutputError(
            f"{out} has files: give a new folder, or allow an earlier scene to be replaced", parameter="out"
        )
    if read_scene_record(out) is None:
        raise OutputError(f"{out} has files that are no fetched scene: give a new folder", parameter="out")


def _kept_plan(work: Path, request: dict[str, Any]) -> Plan | None:
    """Return the plan of an interrupted run with the same request; clear what another one left."""
    path = work / _PLAN
    plan = parse_plan(path.read_bytes()) if path.is_file() else None
    if plan is not None and plan.request == request:
        return plan
    for one in work.iterdir():
        if one.is_dir():
            shutil.rmtree(one)
        elif one.name != "lock":
            one.unlink()
    return None


def _finish(files: Path, out: Path) -> None:
    """Give the finished folder its name."""
    out.parent.mkdir(parents=True, exist_ok=True)
    if not out.exists():
        files.replace(out)
        return
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    out.replace(old)
    files.replace(out)
    shutil.rmtree(old, ignore_errors=True)
