"""Landslides found again in a finished map at other settings, by what found them first; no network runs."""

import json
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd

from landslip.mapping.finished_map_levels import levels_in_strips, opened, recorded_job
from landslip.mapping.inventory.files import append_to_geopackage, largest, read_geopackage
from landslip.mapping.inventory.find import Found as FoundInMap
from landslip.mapping.inventory.find import find_landslides
from landslip.mapping.job import Job
from landslip.page.jobs.results import Found
from landslip.page.jobs.tasks import OutlineTask
from landslip.page.uploads.rasters import open_source

SHOWN: Final = 2000
"""Most landslides that are drawn on the map and listed in the table; files have all of them."""


def outline(task: OutlineTask) -> dict[str, Any]:
    """Find the landslides at other settings; gives a ``Found``."""
    job = recorded_job(open_source(task.source), opened(task.detector), task.map_folder, task.choice)
    task.out.mkdir(parents=True, exist_ok=True)
    path = task.out / "landslides.gpkg"
    found = find_again(job, task.map_folder, path, task.choice.min_slope_deg)
    table = largest(path, SHOWN)
    on_earth = table.to_crs("EPSG:4326") if table.crs else None
    geojson = None
    if on_earth is not None:
        geojson = task.out / "shown.geojson"
        geojson.write_text(on_earth[["id", "area_m2", "confidence", "geometry"]].to_json(), encoding="utf-8")
    answer = Found(
        count=len(found.areas_m2),
        area_m2=float(found.areas_m2.sum()),
        geopackage=path,
        rows=_rows(table, on_earth),
        geojson=geojson,
    )
    return answer.model_dump(mode="json")


def find_again(job: Job, folder: Path, path: Path, min_slope_deg: float) -> FoundInMap:
    """Write the landslides of a finished map to a GeoPackage.

    Args:
        job: with the settings.
        folder: of the map.
        path: of the GeoPackage; an older one is replaced.
        min_slope_deg: leave out landslides with a lower mean slope, and those whose slope is not known, where above 0.
    """
    path.unlink(missing_ok=True)
    found = find_landslides(job, levels_in_strips(folder, job.grid), path)
    if min_slope_deg <= 0:
        return found
    whole = gpd.GeoDataFrame(pd.concat(list(read_geopackage(path)))) if len(found.areas_m2) else None
    if whole is None:
        return found
    steep = whole[whole["slope_mean_deg"] >= min_slope_deg]
    steep = steep.assign(id=np.arange(1, len(steep) + 1, dtype=np.int64))
    path.unlink()
    append_to_geopackage(path, steep)
    return FoundInMap(steep["area_m2"].to_numpy(), found.observed_px, found.observed_area_m2)


def _rows(table: gpd.GeoDataFrame, on_earth: gpd.GeoDataFrame | None) -> tuple[dict[str, Any], ...]:
    """Attributes as plain values, with the box of each outline."""
    rows = json.loads(pd.DataFrame(table.drop(columns="geometry")).to_json(orient="records"))
    boxes = (table if on_earth is None else on_earth).bounds.to_numpy()
    return tuple(
        row | dict(zip(("west", "south", "east", "north"), map(float, box), strict=True))
        for row, box in zip(rows, boxes, strict=True)
    )
