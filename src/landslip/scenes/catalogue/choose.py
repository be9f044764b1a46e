"""Search and choice: from an area, a day and a catalogue to images, files of elevation, and the reasons."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from odc.geo.geobox import GeoBox
from shapely.geometry.base import BaseGeometry

from landslip.errors import SceneError, SettingsError
from landslip.files.progress import Progress
from landslip.scenes.catalogue.area_grid import grid_of_area, mask_area
from landslip.scenes.catalogue.items import Image, absolute, newest_versions, read_image
from landslip.scenes.catalogue.offset_check import settle_offset
from landslip.scenes.catalogue.presets import Catalogue, find_catalogue
from landslip.scenes.catalogue.ranking import Ranked, Ranking, coarse_grid, rank_passes, read_passes
from landslip.scenes.catalogue.reading import RemoteReader, Retries
from landslip.scenes.catalogue.request import CATALOGUE_ELEVATION, NO_ELEVATION, FetchSettings, Plan
from landslip.scenes.catalogue.search import search_items
from landslip.scenes.catalogue.signing import Signer, without_query
from landslip.scenes.scene_record import PassRecord

_LITTLE: Final = 0.8
"""Below this clear fraction of the area there is a warning."""
_DEM_KEYS: Final = ("data", "dem", "elevation", "DEM")


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Images of an area, ranked."""

    catalogue: Catalogue
    grid: GeoBox
    ranking: Ranking
    items: Mapping[str, dict[str, Any]]
    """STAC items by the name of the image."""
    reader: RemoteReader
    notes: tuple[str, ...]
    """On items that were left out."""


def reader_of(catalogue: Catalogue, collection: str, retries: Retries | None = None) -> RemoteReader:
    """Return a reader of the files of a collection."""
    return RemoteReader(Signer(catalogue.token_url, collection), catalogue.gdal_options, retries)


def find_images(
    area: BaseGeometry,
    day: date,
    settings: FetchSettings,
    *,
    workers: int,
    progress: Progress,
    retries: Retries | None = None,
    catalogue: Catalogue | None = None,
) -> Found:
    """Search a catalogue for images of an area, and rank them.

    Args:
        area: polygons in degrees.
        day: of the event.
        settings: of the search.
        workers: number of threads.
        progress: told of progress.
        retries: how reads are repeated.
        catalogue: that the settings name; found by its name where None.

    Raises:
        AreaError: the area does not fit UTM.
        SettingsError: the catalogue is unknown, or its files need credentials that are not set.
        SceneError: the catalogue has no image of the area in these days.
        RunError: the catalogue or a file cannot be read.
    """
    grid = grid_of_area(area)
    chosen = catalogue or find_catalogue(settings.catalogue, settings.collection, settings.level)
    chosen.check_keys(settings.level)
    first, last = settings.days(day)
    collection = chosen.collections[settings.level]
    progress("searching", 0, 1)
    items = search_items(chosen, collection, area, first, last)
    progress("searching", 1, 1)
    read = [(read_image(item, chosen), item) for item in items]
    images = newest_versions([one for one, _ in read if isinstance(one, Image)])
    notes = tuple(f"left out: {one}" for one, _ in read if isinstance(one, str))
    if not images:
        why = f" ({notes[0].removeprefix('left out: ')})" if notes else ""
        raise SceneError(
            f"{chosen.name} has no {settings.level} image of the area in {collection} from {first} to {last}{why}: "
            "give more days, or another catalogue",
            parameter="days_after",
        )
    reader = reader_of(chosen, collection, retries)
    coarse = coarse_grid(grid)
    passes = read_passes(images, coarse, reader, workers, progress)
    ranking = rank_passes(passes, coarse, mask_area(area, coarse), day, settings.max_passes)
    by_name = {one.name: item for one, item in read if isinstance(one, Image)}
    return Found(chosen, grid, ranking, by_name, reader, notes)


def make_plan(
    found: Found, area: BaseGeometry, settings: FetchSettings, request: dict[str, Any], retries: Retries | None = None
) -> Plan:
    """Turn the choice into a plan, with offsets that agree with the values, and files of elevation.

    Raises:
        SceneError: no image shows the area, an offset contradicts the values, or a channel is missing.
        RunError: the catalogue or a file cannot be read.
    """
    ranking = found.ranking
    if not ranking.chosen:
        best = ranking.passes[0]
        raise SceneError(
            f"none of the {len(ranking.passes)} passes from {found.catalogue.name} shows the ground of the area (the "
            f"best, {best.one.name}, has values in {best.observed:.0%} of it): give more days",
            parameter="days_after",
        )
    images = [image for one in ranking.chosen for image in one.one.images]
    bands, warnings = _common_bands(images, settings)
    offsets: dict[str, tuple[float, str]] = {}
    for image in images:
        settled, warning = settle_offset(image, found.reader, settings.offset, bands)
        warnings += [warning] if warning else []
        if settled is not image:
            first = next(iter(settled.bands.values()))
            offsets[image.name] = first.offset_dn or 0.0, first.offset_from
    if ranking.clear < _LITTLE:
        warnings.append(
            f"the chosen images show {ranking.clear:.0%} of the area, the rest is cloud, shadow, snow or nodata: more "
            "days may show more"
        )
    if len({one.one.day for one in ranking.chosen}) > 1:
        warnings.append("images of several days are combined, source.tif tells which pixel is from which")
    elevation = _elevation(found, area, settings, retries)
    if not elevation and settings.elevation != NO_ELEVATION:
        warnings.append(f"{found.catalogue.name} has no elevation of the area: set elevation to a raster in metres")
    return Plan(
        request=request,
        items=tuple(found.items[image.name] for image in images),
        offsets=offsets,
        elevation=elevation,
        passes=tuple(record_pass(one) for one in ranking.passes),
        clear_fraction=ranking.clear,
        channels=bands,
        warnings=tuple(warnings),
        notes=found.notes,
    )


def planned_images(plan: Plan, catalogue: Catalogue) -> tuple[Image, ...]:
    """Return the images of a plan.

    Raises:
        SceneError: an item of the plan cannot be read.
    """
    images = []
    for item in plan.items:
        image = read_image(item, catalogue)
        if isinstance(image, str):
            raise SceneError(f"{image}: remove the unfinished folder beside the result, and repeat the call")
        if image.name in plan.offsets:
            offset, source = plan.offsets[image.name]
            image = image.with_offset(offset, source)
        images.append(image)
    return tuple(images)


def record_pass(one: Ranked) -> PassRecord:
    """Return what is recorded of a pass."""
    return PassRecord(
        name=one.one.name,
        day=one.one.day,
        images=tuple(image.name for image in one.one.images),
        observed_fraction=one.observed,
        clear_fraction=one.clear,
        stated_cloud_percent=one.one.stated_cloud_percent,
        by_classification=one.one.classified,
        chosen=one.chosen,
        reason=one.reason,
    )


def _common_bands(images: list[Image], settings: FetchSettings) -> tuple[tuple[str, ...], list[str]]:
    """Return the channels that every image has, and warnings.

    Raises:
        SceneError: a channel that was asked for by name is missing.
    """
    wanted = settings.bands()
    lacking = {name: image.name for name in wanted for image in images if name not in image.bands}
    if lacking and (settings.channels is not None or len(lacking) == len(wanted)):
        name, image = next(iter(lacking.items()))
        raise SceneError(f"{image} has no file of {name}: leave out this channel", parameter="channels")
    warnings = [f"{next(iter(lacking.values()))} has no file of {', '.join(lacking)}: left out"] if lacking else []
    return tuple(name for name in wanted if name not in lacking), warnings


def _elevation(found: Found, area: BaseGeometry, settings: FetchSettings, retries: Retries | None) -> dict[str, str]:
    """Return the files of elevation that meet the area, by name.

    Raises:
        SettingsError: the given file is missing.
        RunError: the catalogue cannot be searched.
    """
    if settings.elevation == NO_ELEVATION:
        return {}
    if settings.elevation != CATALOGUE_ELEVATION:
        path = Path(settings.elevation)
        if not path.is_file():
            raise SettingsError(f"no file {path}: give a raster of elevation in metres", parameter="elevation")
        return {path.name: str(path.absolute())}
    catalogue = found.catalogue
    files = {}
    for item in search_items(catalogue, catalogue.collections["elevation"], area):
        assets = item.get("assets")
        keys = [key for key in _DEM_KEYS if isinstance(assets, dict) and isinstance(assets.get(key), dict)]
        if keys and isinstance(assets, dict):
            catalogue.check_keys("elevation")
            own = next(
                (
                    str(one.get("href"))
                    for one in item.get("links", [])
                    if isinstance(one, dict) and one.get("rel") == "self"
                ),
                "",
            )
            files[str(item.get("id"))] = without_query(absolute(str(assets[keys[0]].get("href")), own))
    return dict(sorted(files.items()))
