"""The files of a map, made from its finished probability raster."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import landslip
from landslip.mapping import probability_raster
from landslip.mapping.find import write_inventory
from landslip.mapping.footprint import footprint_lonlat
from landslip.mapping.ground import ground_under
from landslip.mapping.inventory import largest, read_geopackage, write_geoparquet
from landslip.mapping.item import stac_item
from landslip.mapping.job import Job
from landslip.mapping.overview import draw_overview
from landslip.mapping.quicklook import Quicklook
from landslip.mapping.record import Effort, finished, summarise, with_files
from landslip.mapping.report import write_report
from landslip.mapping.summary import SENTINEL_ATTRIBUTION

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
    levels: Path,
    quicklook: Quicklook,
    effort: Effort,
    path_of: Callable[[str], Path],
    watch: Callable[[str, int, int], None],
) -> None:
    """Write every file of a map.

    Args:
        job: what was mapped.
        levels: the finished raster.
        quicklook: of the ground.
        effort: what the raster took.
        path_of: where a file of that name goes.
        watch: told of progress.
    """
    for name in PRODUCTS:
        path_of(name).unlink(missing_ok=True)
    steps = len(PRODUCTS)
    watch("writing", 0, steps)
    probability_raster.finish(levels, path_of(PROBABILITY), _tags(job))
    watch("writing", 1, steps)
    found = write_inventory(
        path_of(GEOPACKAGE),
        probability_raster.read_strips(levels),
        grid=job.grid,
        card=job.detector.card,
        threshold=job.threshold,
        min_area_m2=job.settings.min_area_m2,
        image_date=job.scene.date,
        ground=ground_under(job.scene, job.region, job.grid),
    )
    watch("writing", 2, steps)
    write_geoparquet(path_of(GEOPARQUET), path_of(GEOPACKAGE))
    watch("writing", 3, steps)
    summary = summarise(job, found, effort)
    card = job.detector.card
    shapes = (shape for table in read_geopackage(path_of(GEOPACKAGE)) for shape in table.geometry)
    overview = draw_overview(quicklook.picture(job.grid), shapes, summary, card)
    overview.save(path_of(OVERVIEW), optimize=False)
    watch("writing", 4, steps)
    summary = with_files(summary, [path_of(name) for name in (PROBABILITY, GEOPACKAGE, GEOPARQUET, OVERVIEW)])
    write_report(path_of(REPORT), overview, largest(path_of(GEOPACKAGE), _REPORTED), found.areas_m2, summary, card)
    watch("writing", 5, steps)
    summary = with_files(summary, [path_of(REPORT)])
    item = stac_item(summary, card, *footprint_lonlat(job.grid))
    path_of(ITEM).write_text(json.dumps(item, indent=2) + "\n", encoding="utf-8")
    summary = finished(with_files(summary, [path_of(ITEM)]), effort)
    path_of(SUMMARY).write_text(summary.model_dump_json(indent=2) + "\n", encoding="utf-8")
    watch("writing", steps, steps)


def _tags(job: Job) -> dict[str, str]:
    return {
        "TIFFTAG_SOFTWARE": f"landslip {landslip.__version__}",
        "TIFFTAG_IMAGEDESCRIPTION": f"Landslide probability by detector {job.detector.card.name}. "
        f"{SENTINEL_ATTRIBUTION}.",
        "detector": job.detector.card.name,
        "detector_sha256": job.detector.sha256,
        "threshold": f"{job.threshold:g}",
    }
