"""Time and memory of outlines on masks that percolate, against rasterio.features.shapes, and against their size.

    python benchmarks/polygons.py [--sides 512,1024,2048,4096]

Prints one line per mask: processor seconds of both, each in one thread, their ratio, seconds per million vertices, and
the peak memory of the process. Each mask runs in a process of its own.
"""

import argparse
import json
import resource
import subprocess
import sys
from time import process_time

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes

from landslip.mapping.inventory.outlines import trace_outlines
from landslip.mapping.raster.block_order import strips

KINDS = ("percolating", "full", "pixels")


def mask_of(kind: str, side: int) -> NDArray[np.bool_]:
    """A mask of one kind."""
    if kind == "percolating":
        return np.random.default_rng(0).random((side, side)) < 0.62
    mask = np.full((side, side), kind == "full")
    if kind == "pixels":
        mask[::4, ::4] = True
    return mask


def measure(kind: str, side: int) -> dict[str, float]:
    """Outline a mask in strips, then the same with rasterio."""
    mask = mask_of(kind, side)
    encoded = np.where(mask, 250, 0).astype(np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = process_time()
    landslides = vertices = 0
    for outline in trace_outlines(((w, encoded[w.slices]) for w in strips(side, side)), 0.5):
        landslides += 1
        vertices += int(shapely.get_num_coordinates(outline.geometry))
    ours = process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = process_time()
    gdal = sum(1 for _ in shapes(mask.astype(np.uint8), mask=mask, connectivity=8))
    theirs = process_time() - start
    return {
        "landslides": landslides,
        "gdal": gdal,
        "vertices": vertices,
        "seconds": ours,
        "gdal_seconds": theirs,
        "before_mb": before,
        "peak_mb": peak,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", default="512,1024,2048,4096")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--one", nargs=2, metavar=("KIND", "SIDE"))
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one[0], int(given.one[1]))))
        return
    print("mask          side  landslides    vertices       s  GDAL s  ratio   s/Mvx     MB")
    for kind in given.kinds.split(","):
        for side in map(int, given.sides.split(",")):
            told = subprocess.run(
                [sys.executable, __file__, "--one", kind, str(side)], check=True, capture_output=True, text=True
            )
            m = json.loads(told.stdout)
            print(
                f"{kind:<12}{side:>6}{m['landslides']:>12,}{m['vertices']:>12,}{m['seconds']:>8.2f}"
                f"{m['gdal_seconds']:>8.2f}{m['seconds'] / m['gdal_seconds']:>7.2f}"
                f"{m['seconds'] / m['vertices'] * 1e6:>8.2f}{m['peak_mb']:>7.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
