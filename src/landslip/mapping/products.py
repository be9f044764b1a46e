"""Writing the files of a map from its finished probability raster."""

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import landslip
from landslip.figures.picture import Picture
from landslip.files.progress import Progress
from landslip.grid.map_grid import footprint_lonlat
from landslip.mapping.change.raster import ChangeRaster
from landslip.mapping.domain_shift import DomainShift
from landslip.mapping.job import Job
from landslip.mapping.metadata.stac_item import stac_item
from landslip.mapping.metadata.summary import SENTINEL_ATTRIBUTION, Effort, add_effort, add_files, summarise
from landslip.mapping.raster.masks import MaskRaster
from landslip.mapping.raster.probability import ProbabilityRaster
from landslip.mapping.report.overview import draw_overview
from landslip.mapping.report.pair_sheet import PairOutlines, draw_pair_overview
from landslip.mapping.report.report import write_report
from landslip.mapping.report.sections import frequency_section

if TYPE_CHECKING:
    from landslip.mapping.inventory.find import Found

PROBABILITY: Final = "probability.tif"
GEOPACKAGE: Final = "landslides.gpkg"
GEOPARQUET: Final = "landslides.parquet"
OVERVIEW: Final = "overview.png"
REPORT: Final = "report.html"
ITEM: Final = "item.json"
SUMMARY: Final = "summary.json"
MASK_RASTER: Final = "masks.tif"
EXCLUDED: Final = "excluded.parquet"
PRODUCTS: Final = (PROBABILITY, GEOPACKAGE, GEOPARQUET, OVERVIEW, REPORT, ITEM, SUMMARY)
"""Files of every map. The summary is published last: a folder with a summary holds a complete map."""
CHANGE: Final = "change.tif"
OPTIONAL_PRODUCTS: Final = (MASK_RASTER, EXCLUDED, CHANGE)
"""Files of a map with masks, of one whose settings rule candidates out, and of one of two dates."""
_LISTED: Final = 100
"""Landslides in the table of the report."""


@dataclass(frozen=True, slots=True)
class MapPictures:
    """Quicklooks of a map."""

    after: Picture
    """The scene that is mapped."""
    before: Picture | None = None
    change: Picture | None = None


def products_of(job: Job) -> tuple[str, ...]:
    """Return the names of the files of a map, in the order of publication."""
    masks = (MASK_RASTER,) if job.masks else ()
    excluded = (EXCLUDED,) if job.rules_out else ()
    change = (CHANGE,) if job.pair else ()
    return (PROBABILITY, *change, *masks, GEOPACKAGE, GEOPARQUET, *excluded, OVERVIEW, REPORT, ITEM, SUMMARY)


def write_products(
    job: Job,
    raster: ProbabilityRaster,
    finding: "Future[Found]",
    measuring: Future[DomainShift | None],
    pictures: MapPictures,
    effort: Effort,
    path_of: Callable[[str], Path],
    progress: Progress,
    masks: MaskRaster | None = None,
    change: ChangeRaster | None = None,
) -> None:
    """Write every file of a map.

    Args:
        job: that was mapped.
        raster: the finished raster.
        finding: the inventory, once the GeoPackage is written.
        measuring: the domain shift of the scene, once it is measured.
        pictures: the quicklooks.
        effort: time spent on the raster.
        path_of: returns the path for a file name.
        progress: told of progress.
        masks: the finished raster of masks, where the job has masks.
        change: the finished raster of change, where the job has a pair.
    """
    # These import pandas, which is slow; the landslides are found by code that has imported it while the network ran.
    from landslip.mapping.change.attributes import CHANGE_COLUMNS  # noqa: PLC0415
    from landslip.mapping.inventory.attributes import COLUMNS  # noqa: PLC0415
    from landslip.mapping.inventory.files import (  # noqa: PLC0415
        EXCLUDED_LAYER,
        NOT_NEW_LAYER,
        read_geopackage,
        read_largest,
        write_geoparquet,
    )

    card = job.detector.card
    products = products_of(job)
    steps = iter(range(1, len(products) + 1))

    def written(count: int = 1) -> None:
        for _ in range(count):
            progress("writing", next(steps), len(products))

    progress("writing", 0, len(products))
    with ThreadPoolExecutor(2, "landslip-copy") as executor:
        copying = executor.submit(raster.finish, path_of(PROBABILITY), _tags(job))
        copying_masks = executor.submit(masks.finish, path_of(MASK_RASTER), _mask_tags()) if masks else None
        copying_change = executor.submit(change.finish, path_of(CHANGE), _change_tags()) if change else None
        found = finding.result()
        written()
        drawing = executor.submit(frequency_section, found.areas_m2, job.settings.min_area_m2)
        columns = COLUMNS | CHANGE_COLUMNS if job.pair else None
        write_geoparquet(path_of(GEOPARQUET), path_of(GEOPACKAGE), columns=columns)
        written()
        if EXCLUDED in products:
            write_geoparquet(path_of(EXCLUDED), path_of(GEOPACKAGE), EXCLUDED_LAYER)
            written()
        summary = summarise(job, found, effort, measuring.result())
        geometries = (geometry for table in read_geopackage(path_of(GEOPACKAGE)) for geometry in table.geometry)
        ruled_out = (
            (geometry for table in read_geopackage(path_of(GEOPACKAGE), EXCLUDED_LAYER) for geometry in table.geometry)
            if EXCLUDED in products
            else ()
        )
        if pictures.before and pictures.change:
            old = (one for table in read_geopackage(path_of(GEOPACKAGE), NOT_NEW_LAYER) for one in table.geometry)
            panels = (pictures.before, pictures.after, pictures.change)
            outlines = PairOutlines(list(geometries), list(old), list(ruled_out))
            overview = draw_pair_overview(panels, outlines, summary, card)
        else:
            overview = draw_overview(pictures.after, geometries, summary, card, excluded=ruled_out)
        overview.save(path_of(OVERVIEW))
        written()
        copying.result()
        for copied in (copying_masks, copying_change):
            if copied:
                copied.result()
                written()
        frequency = drawing.result()
    summary = add_files(summary, [path_of(name) for name in products[: products.index(REPORT)]])
    largest = read_largest(path_of(GEOPACKAGE), _LISTED)
    write_report(path_of(REPORT), overview, largest, found.areas_m2, summary, card, frequency=frequency)
    summary = add_files(summary, [path_of(REPORT)])
    item = stac_item(summary, card, *footprint_lonlat(job.grid))
    path_of(ITEM).write_text(json.dumps(item, indent=2) + "\n", encoding="utf-8")
    summary = add_effort(add_files(summary, [path_of(ITEM)]), effort)
    path_of(SUMMARY).write_text(summary.model_dump_json(indent=2) + "\n", encoding="utf-8")
    written(4)


def _change_tags() -> dict[str, str]:
    return {
        "TIFFTAG_SOFTWARE": f"landslip {landslip.__version__}",
        "TIFFTAG_IMAGEDESCRIPTION": f"Change between two dates of a landslide map. {SENTINEL_ATTRIBUTION}.",
    }


def _mask_tags() -> dict[str, str]:
    return {
        "TIFFTAG_SOFTWARE": f"landslip {landslip.__version__}",
        "TIFFTAG_IMAGEDESCRIPTION": f"Masks of a landslide map. {SENTINEL_ATTRIBUTION}.",
    }


def _tags(job: Job) -> dict[str, str]:
    return {
        "TIFFTAG_SOFTWARE": f"landslip {landslip.__version__}",
        "TIFFTAG_IMAGEDESCRIPTION": f"Landslide probability by detector {job.detector.card.name}. "
        f"{SENTINEL_ATTRIBUTION}.",
        "detector": job.detector.card.name,
        "detector_sha256": job.detector.sha256,
        "threshold": f"{job.threshold:g}",
    }
