"""The files of a map, made from its finished probability raster."""

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import landslip
from landslip.figures.picture import Picture
from landslip.grid.map_grid import footprint_lonlat
from landslip.mapping.inventory.files import largest, read_geopackage, write_geoparquet
from landslip.mapping.inventory.find import Found
from landslip.mapping.job import Job
from landslip.mapping.metadata.stac_item import stac_item
from landslip.mapping.metadata.summarise import Effort, finished, summarise, with_files
from landslip.mapping.metadata.summary import SENTINEL_ATTRIBUTION, FamiliarityRecord
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
"""Every file of a map; the summary is published last, so where it is the map is whole."""
_REPORTED: Final = 100


def write_products(
    job: Job,
    raster: ProbabilityRaster,
    finding: Future[Found],
    looking: Future[FamiliarityRecord | None],
    picture: Picture,
    effort: Effort,
    path_of: Callable[[str], Path],
    watch: Callable[[str, int, int], None],
) -> None:
    """Write every file of a map.

    Args:
        job: what was mapped.
        raster: finished.
        finding: what is in the GeoPackage, once it is written.
        looking: how far the scene lies from what the detector learned from, once that is known.
        picture: of the ground.
        effort: what the raster took.
        path_of: where a file of that name goes.
        watch: told of progress.
    """
    card = job.detector.card
    steps = iter(range(1, len(PRODUCTS) + 1))

    def written(count: int = 1) -> None:
        for _ in range(count):
            watch("writing", next(steps), len(PRODUCTS))

    watch("writing", 0, len(PRODUCTS))
    with ThreadPoolExecutor(1, "landslip-copy") as copier:
        copying = copier.submit(raster.finish, path_of(PROBABILITY), _tags(job))
        found = finding.result()
        written()
        write_geoparquet(path_of(GEOPARQUET), path_of(GEOPACKAGE))
        written()
        summary = summarise(job, found, effort, looking.result())
        geometries = (geometry for table in read_geopackage(path_of(GEOPACKAGE)) for geometry in table.geometry)
        overview = draw_overview(picture, geometries, summary, card)
        overview.save(path_of(OVERVIEW))
        written()
        copying.result()
    summary = with_files(summary, [path_of(name) for name in (PROBABILITY, GEOPACKAGE, GEOPARQUET, OVERVIEW)])
    write_report(path_of(REPORT), overview, largest(path_of(GEOPACKAGE), _REPORTED), found.areas_m2, summary, card)
    summary = with_files(summary, [path_of(REPORT)])
    item = stac_item(summary, card, *footprint_lonlat(job.grid))
    path_of(ITEM).write_text(json.dumps(item, indent=2) + "\n", encoding="utf-8")
    summary = finished(with_files(summary, [path_of(ITEM)]), effort)
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
