"""Writing the files of a map from its finished probability raster."""

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import landslip
from landslip.figures.picture import Picture
from landslip.files.progress import Progress
from landslip.grid.map_grid import footprint_lonlat
from landslip.mapping.domain_shift import DomainShift
from landslip.mapping.inventory.files import read_geopackage, read_largest, write_geoparquet
from landslip.mapping.inventory.find import Found
from landslip.mapping.job import Job
from landslip.mapping.metadata.stac_item import stac_item
from landslip.mapping.metadata.summary import SENTINEL_ATTRIBUTION, Effort, add_effort, add_files, summarise
from landslip.mapping.raster.probability import ProbabilityRaster
from landslip.mapping.report.overview import draw_overview
from landslip.mapping.report.report import write_report

PROBABILITY: Final = "probability.tif"
GEOPACKAGE: Final = "landslides.gpkg"
GEOPARQUET: Final = "landslides.parquet"
OVERVIEW: Final = "overview.png"
REPORT: Final = "report.html"
ITEM: Final = "item.json"
SUMMARY: Final = "summary.json"
PRODUCTS: Final = (PROBABILITY, GEOPACKAGE, GEOPARQUET, OVERVIEW, REPORT, ITEM, SUMMARY)
"""Every file of a map. The summary is published last: a folder with a summary holds a complete map."""
_LISTED: Final = 100
"""Landslides in the table of the report."""


def write_products(
    job: Job,
    raster: ProbabilityRaster,
    finding: Future[Found],
    measuring: Future[DomainShift | None],
    picture: Picture,
    effort: Effort,
    path_of: Callable[[str], Path],
    progress: Progress,
) -> None:
    """Write every file of a map.

    Args:
        job: that was mapped.
        raster: the finished raster.
        finding: the inventory, once the GeoPackage is written.
        measuring: the domain shift of the scene, once it is measured.
        picture: the quicklook of the scene.
        effort: time spent on the raster.
        path_of: returns the path for a file name.
        progress: told of progress.
    """
    card = job.detector.card
    steps = iter(range(1, len(PRODUCTS) + 1))

    def written(count: int = 1) -> None:
        for _ in range(count):
            progress("writing", next(steps), len(PRODUCTS))

    progress("writing", 0, len(PRODUCTS))
    with ThreadPoolExecutor(1, "landslip-copy") as copier:
        copying = copier.submit(raster.finish, path_of(PROBABILITY), _tags(job))
        found = finding.result()
        written()
        write_geoparquet(path_of(GEOPARQUET), path_of(GEOPACKAGE))
        written()
        summary = summarise(job, found, effort, measuring.result())
        geometries = (geometry for table in read_geopackage(path_of(GEOPACKAGE)) for geometry in table.geometry)
        overview = draw_overview(picture, geometries, summary, card)
        overview.save(path_of(OVERVIEW))
        written()
        copying.result()
    summary = add_files(summary, [path_of(name) for name in (PROBABILITY, GEOPACKAGE, GEOPARQUET, OVERVIEW)])
    write_report(path_of(REPORT), overview, read_largest(path_of(GEOPACKAGE), _LISTED), found.areas_m2, summary, card)
    summary = add_files(summary, [path_of(REPORT)])
    item = stac_item(summary, card, *footprint_lonlat(job.grid))
    path_of(ITEM).write_text(json.dumps(item, indent=2) + "\n", encoding="utf-8")
    summary = add_effort(add_files(summary, [path_of(ITEM)]), effort)
    path_of(SUMMARY).write_text(summary.model_dump_json(indent=2) + "\n", encoding="utf-8")
    written(4)


def _tags(job: Job) -> dict[str, str]:
    return {
        "TIFFTAG_SOFTWARE": f"landslip {landslip.__version__}",
        "TIFFTAG_IMAGEDESCRIPTION": f"Landslide probability by detector {job.detector.card.name}. "
        f"{SENTINEL_ATTRIBUTION}.",
        "detector": job.detector.card.name,
        "detector_sha256": job.detector.sha256,
        "threshold": f"{job.threshold:g}",
    }
