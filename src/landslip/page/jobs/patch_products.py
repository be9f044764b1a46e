"""Files of a patch result for download: probabilities, outlines, scores, and all in one zip."""

import csv
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd

from landslip.mapping.finished_map_levels import opened
from landslip.mapping.inventory.files import append_to_geopackage
from landslip.metrics.counts import count_pixels
from landslip.page.jobs.patch_maps import LEVELS, MASKS, array_at, opened_patches, patch_table
from landslip.page.jobs.perform import Watch
from landslip.page.jobs.products import NUMPY, zip_files
from landslip.page.jobs.results import Products
from landslip.page.jobs.tasks import PatchProductsTask
from landslip.probability import decode_probability, reaches_threshold

GEOPACKAGE: Final = "landslides.gpkg"
SCORES: Final = "scores.csv"


def make_patch_products(task: PatchProductsTask, watch: Watch) -> dict[str, Any]:
    """Make the files; gives ``Products``.

    ``probability.npy`` is (N, H, W) float32, in the order of ``scores.csv``; outlines are in each patch's own pixel
    coordinates, with its number in the column ``patch``.
    """
    task.out.mkdir(parents=True, exist_ok=True)
    levels, masks = array_at(task.result, LEVELS), array_at(task.result, MASKS)
    np.save(task.out / NUMPY, decode_probability(np.asarray(levels)), allow_pickle=False)
    card = opened(task.detector).card
    threshold = card.threshold if task.choice.threshold is None else task.choice.threshold
    tables = []
    patches = opened_patches(task.source)
    with (task.out / SCORES).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("patch", "scene", "row", "col", "threshold", "tp", "fp", "fn", "tn", "f1"))
        for position, entry in enumerate(patches.entries):
            patch = patches.read(entry)
            counts = count_pixels(reaches_threshold(levels[position], threshold), masks[position])
            pixels = (counts.tp, counts.fp, counts.fn, counts.tn)
            f1 = f"{counts.f1:.4f}" if counts.pixels else ""
            rows.writerow((patch.id, patch.scene, patch.row, patch.col, threshold, *pixels, f1))
            table = patch_table(patch, levels[position], task.detector, task.choice)
            tables.append(table.assign(patch=np.int64(patch.id)))
            watch("writing", position + 1, len(patches))
    path = task.out / GEOPACKAGE
    path.unlink(missing_ok=True)
    append_to_geopackage(path, gpd.GeoDataFrame(pd.concat(tables)))
    files = {name: task.out / name for name in (NUMPY, GEOPACKAGE, SCORES)}
    archive = task.out / "patches.zip"
    zip_files(archive, files.items())
    return Products(files=files, archive=archive).model_dump(mode="json")
