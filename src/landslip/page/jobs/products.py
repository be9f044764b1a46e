"""Files for download: those of ``landslip map``, formats for other programs, and the files of a patch result."""

import csv
import shutil
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio

from landslip.figures.picture import Picture
from landslip.files.progress import Progress, track
from landslip.grid.lattice import split_blocks
from landslip.mapping.domain_shift import measure_domain_shift
from landslip.mapping.finished_map import finished_job, open_detector, read_strips, read_summary
from landslip.mapping.inventory.files import LAYER, append_to_geopackage, read_geopackage
from landslip.mapping.job import Job
from landslip.mapping.metadata.summary import Effort
from landslip.mapping.products import GEOPACKAGE, MASK_RASTER, MapPictures, products_of, write_products
from landslip.mapping.raster.block_order import strips
from landslip.mapping.raster.masks import MaskRaster
from landslip.mapping.raster.probability import ProbabilityRaster
from landslip.mapping.raster.quicklook import Quicklook, picture_channels
from landslip.metrics.counts import count_pixels
from landslip.page.jobs.patch_maps import ENCODED, MASKS, load_array, open_patch_source, patch_landslides
from landslip.page.jobs.results import Products
from landslip.page.jobs.scene_maps import open_source, write_landslides
from landslip.page.jobs.tasks import PatchProductsTask, PolygonSettings, ProductsTask, handles
from landslip.probability import decode_probability, reaches_threshold

_GEOJSON: Final = "landslides.geojson"
_KML: Final = "landslides.kml"
_NUMPY: Final = "probability.npy"
_SCORES: Final = "scores.csv"
_COMPRESSED: Final = frozenset({".tif", ".png", ".parquet", ".webp"})


@handles(ProductsTask)
def make_products(task: ProductsTask, progress: Progress) -> Products:
    """Write the files of a map at some settings.

    At the default settings the files of ``landslip map`` are copied from the run; otherwise they are written again from
    its probability, by the same code.
    """
    task.out.mkdir(parents=True, exist_ok=True)
    settings = task.settings
    scene = open_source(task.source)
    job = finished_job(
        scene,
        open_detector(task.detector),
        task.map_folder,
        threshold=settings.threshold,
        min_area_m2=settings.min_area_m2,
        min_slope_deg=settings.min_slope_deg,
    )
    products = products_of(job)
    if settings == PolygonSettings():
        # Of a map of two dates, its own files too.
        products = tuple(dict.fromkeys((*products, *read_summary(task.map_folder).files)))
        for name in products:
            shutil.copyfile(task.map_folder / name, task.out / name)
    else:
        _write_products(job, task, progress)
    files = {name: task.out / name for name in products}
    files |= _write_vectors(task.out / GEOPACKAGE, task.out)
    files[_NUMPY] = task.out / _NUMPY
    _write_npy(files[_NUMPY], job, task.map_folder)
    return Products(files=files, archive=_write_zip(task.out / "landslide-map.zip", files.items()))


@handles(PatchProductsTask)
def make_patch_products(task: PatchProductsTask, progress: Progress) -> Products:
    """Write the files of a patch result.

    ``probability.npy`` is (N, H, W) float32, in the order of ``scores.csv``. The outlines are in pixel coordinates of
    each patch, whose number is in the column ``patch``.
    """
    task.out.mkdir(parents=True, exist_ok=True)
    encoded, masks = load_array(task.result, ENCODED), load_array(task.result, MASKS)
    np.save(task.out / _NUMPY, decode_probability(np.asarray(encoded)), allow_pickle=False)
    card = open_detector(task.detector).card
    threshold = card.threshold if task.settings.threshold is None else task.settings.threshold
    tables = []
    patches = open_patch_source(task.source)
    with (task.out / _SCORES).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("patch", "scene", "row", "col", "threshold", "tp", "fp", "fn", "tn", "f1"))
        for index, entry in enumerate(track(patches.entries, progress, "writing")):
            patch = patches.read(entry)
            counts = count_pixels(reaches_threshold(encoded[index], threshold), masks[index])
            pixels = (counts.tp, counts.fp, counts.fn, counts.tn)
            f1 = f"{counts.f1:.4f}" if counts.pixels else ""
            rows.writerow((patch.id, patch.scene, patch.row, patch.col, threshold, *pixels, f1))
            table = patch_landslides(patch, encoded[index], task.detector, task.settings)
            tables.append(table.assign(patch=np.int64(patch.id)))
    path = task.out / GEOPACKAGE
    path.unlink(missing_ok=True)
    append_to_geopackage(path, gpd.GeoDataFrame(pd.concat(tables)))
    files = {name: task.out / name for name in (_NUMPY, GEOPACKAGE, _SCORES)}
    return Products(files=files, archive=_write_zip(task.out / "patches.zip", files.items()))


def _write_zip(path: Path, files: Iterable[tuple[str, Path]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, file in files:
            archive.write(file, name, zipfile.ZIP_STORED if file.suffix in _COMPRESSED else zipfile.ZIP_DEFLATED)
    return path


def _write_npy(path: Path, job: Job, folder: Path) -> None:
    """Write the probability (height, width) float32, NaN where nodata, strip by strip."""
    shape = (job.grid.height, job.grid.width)
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    for window, encoded in read_strips(folder, job.grid):
        array[window.slices] = decode_probability(encoded)
    array.flush()


def _write_products(job: Job, task: ProductsTask, progress: Progress) -> None:
    started = perf_counter()
    raster = ProbabilityRaster(task.out / "encoded.tif", job.grid)
    raster.create()
    for window, encoded in read_strips(task.map_folder, job.grid):
        raster.write(window, encoded)
    masks = MaskRaster(task.out / "codes.tif", job.grid) if job.masks else None
    if masks:
        masks.create()
        stored = MaskRaster(task.map_folder / MASK_RASTER, job.grid)
        for window in strips(job.grid.height, job.grid.width):
            masks.write(window, stored.read(window))
    effort = Effort(started=started, network_s=read_summary(task.map_folder).network_s, resumed=True)
    with ThreadPoolExecutor(1) as executor:
        finding = executor.submit(write_landslides, job, task.map_folder, task.out / GEOPACKAGE)
        measuring = executor.submit(measure_domain_shift, job)
        picture = _scene_picture(job, masks)
        write_products(
            job, raster, finding, measuring, MapPictures(picture), effort, lambda name: task.out / name, progress, masks
        )
    raster.path.unlink()
    if masks:
        masks.path.unlink()


def _scene_picture(job: Job, masks: MaskRaster | None) -> Picture:
    """Read the picture of the scene for the map sheet, as a run does."""
    quicklook = Quicklook(job.region, picture_channels(job.scene, job.detector.card.channels))
    for block in split_blocks(job.region, job.settings.block_px):
        codes = masks.read(block) if masks else None
        quicklook.add(block, *job.scene.read(quicklook.channels, block), codes)
    return quicklook.picture(job.grid)


def _write_vectors(geopackage: Path, out: Path) -> dict[str, Path]:
    """Write GeoJSON (RFC 7946) and KML in longitude and latitude; nothing without a CRS."""
    if not pyogrio.read_info(geopackage, layer=LAYER)["crs"]:
        return {}
    portions = list(read_geopackage(geopackage)) or [pyogrio.read_dataframe(geopackage, layer=LAYER, max_features=0)]
    table = gpd.GeoDataFrame(pd.concat(portions)).to_crs("EPSG:4326")
    pyogrio.write_dataframe(table, out / _GEOJSON, driver="GeoJSON", RFC7946="YES")
    named = table.assign(Name=[f"Candidate {number}" for number in table["candidate"]])
    # GDAL may have both writers of KML; LIBKML keeps the types of the attributes.
    driver = "LIBKML" if "w" in (pyogrio.list_drivers().get("LIBKML") or "") else "KML"
    pyogrio.write_dataframe(named, out / _KML, driver=driver, layer="landslides")
    return {_GEOJSON: out / _GEOJSON, _KML: out / _KML}
