"""Every file of a map for download: those of ``landslip map``, and the formats that other programs ask for."""

import shutil
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio

from landslip.figures.picture import Picture
from landslip.grid.lattice import blocks
from landslip.mapping.domain_shift import familiarity
from landslip.mapping.finished_map_levels import levels_in_strips, opened, read_summary, recorded_job
from landslip.mapping.inventory.files import read_geopackage
from landslip.mapping.job import Job
from landslip.mapping.metadata.summarise import Effort
from landslip.mapping.products import GEOPACKAGE, PRODUCTS, write_products
from landslip.mapping.raster.probability import ProbabilityRaster
from landslip.mapping.raster.quicklook import Quicklook, picture_channels
from landslip.page import messages as words
from landslip.page.jobs.perform import Watch
from landslip.page.jobs.results import Products
from landslip.page.jobs.scene_maps import find_again
from landslip.page.jobs.tasks import Choice, ProductsTask
from landslip.page.uploads.rasters import open_source
from landslip.probability import decode_probability

GEOJSON: Final = "landslides.geojson"
KML: Final = "landslides.kml"
NUMPY: Final = "probability.npy"
ARCHIVE: Final = "landslide-map.zip"
_LEVELS: Final = "levels.tif"


def make_products(task: ProductsTask, watch: Watch) -> dict[str, Any]:
    """Make the files of a map at the settings chosen; gives ``Products``.

    The files of ``landslip map`` are those of the run itself where nothing was changed; else they are written anew from
    its levels, by what wrote them first.
    """
    task.out.mkdir(parents=True, exist_ok=True)
    scene = open_source(task.source)
    if task.choice == Choice():
        for name in PRODUCTS:
            shutil.copyfile(task.map_folder / name, task.out / name)
        job = recorded_job(scene, opened(task.detector), task.map_folder, task.choice)
    else:
        if task.choice.min_slope_deg > 0:
            left_out = words.SLOPE_LEFT_OUT.format(slope=task.choice.min_slope_deg)
            scene = replace(scene, warnings=(*scene.warnings, left_out))
        job = recorded_job(scene, opened(task.detector), task.map_folder, task.choice)
        _write_anew(job, task, watch)
    files = {name: task.out / name for name in PRODUCTS}
    files |= _vectors(task.out / GEOPACKAGE, task.out)
    files[NUMPY] = task.out / NUMPY
    write_npy(files[NUMPY], job, task.map_folder)
    archive = task.out / ARCHIVE
    zip_files(archive, files.items())
    return Products(files=files, archive=archive).model_dump(mode="json")


def zip_files(path: Path, files: Iterable[tuple[str, Path]]) -> None:
    """Put files into one zip; what is packed already is stored as it is."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, file in files:
            packed = file.suffix in {".tif", ".png", ".parquet", ".webp"}
            archive.write(file, name, zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED)


def write_npy(path: Path, job: Job, folder: Path) -> None:
    """Write the probability as a plain NumPy array (height, width) float32, NaN where not observed, strip by strip."""
    shape = (job.grid.height, job.grid.width)
    held = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    for window, levels in levels_in_strips(folder, job.grid):
        held[window.slices] = decode_probability(levels)
    held.flush()


def _write_anew(job: Job, task: ProductsTask, watch: Watch) -> None:
    started = perf_counter()
    raster = ProbabilityRaster(task.out / _LEVELS, job.grid)
    raster.create()
    for window, levels in levels_in_strips(task.map_folder, job.grid):
        raster.write(window, levels)
    effort = Effort(started=started, network_s=read_summary(task.map_folder).network_s, resumed=True)
    with ThreadPoolExecutor(1) as finder:
        finding = finder.submit(find_again, job, task.map_folder, task.out / GEOPACKAGE, task.choice.min_slope_deg)
        looking = finder.submit(familiarity, job)
        write_products(job, raster, finding, looking, _picture(job), effort, lambda name: task.out / name, watch)
    raster.path.unlink()


def _picture(job: Job) -> Picture:
    """The picture of the ground for the map sheet, as a run makes it."""
    quicklook = Quicklook(job.region, picture_channels(job.scene, job.detector.card.channels))
    for block in blocks(job.region, job.settings.block_px):
        quicklook.add(block, *job.scene.read(quicklook.channels, block))
    return quicklook.picture(job.grid)


def _vectors(geopackage: Path, out: Path) -> dict[str, Path]:
    """GeoJSON (RFC 7946) and KML of a GeoPackage, both in longitude and latitude; none without a place."""
    info = pyogrio.read_info(geopackage)
    if not info["crs"]:
        return {}
    portions = list(read_geopackage(geopackage)) or [pyogrio.read_dataframe(geopackage, max_features=0)]
    table = gpd.GeoDataFrame(pd.concat(portions)).to_crs("EPSG:4326")
    pyogrio.write_dataframe(table, out / GEOJSON, driver="GeoJSON", RFC7946="YES")
    named = table.assign(Name=[f"Landslide {one}" for one in table["id"]])
    pyogrio.write_dataframe(named, out / KML, driver=_kml_driver(), layer="landslides")
    return {GEOJSON: out / GEOJSON, KML: out / KML}


def _kml_driver() -> str:
    """The better of the two writers that GDAL may have."""
    return "LIBKML" if "w" in (pyogrio.list_drivers().get("LIBKML") or "") else "KML"
