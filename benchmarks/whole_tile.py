"""Measure memory and time of mapping a whole Sentinel-2 tile: 10,980 x 10,980 px, 3 channels, a real scene repeated.

    python benchmarks/whole_tile.py [--keep FOLDER]

Maps two tiles with the command line, each in its own process: the scene repeated as it is, 61 % of it nodata, and its
largest fully valid rectangle repeated by reflection. Prints the peak memory of the process, and the wall time and the
fraction of it spent in the network.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

SIDE_PX = 10_980
STRIP_PX = 1_098
EXAMPLE = Path(__file__).parents[1] / "examples" / "chittagong" / "chittagong.tif"


def largest_valid(valid: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns of the largest fully valid rectangle."""
    best, found = 0, (slice(0), slice(0))
    heights = np.zeros(valid.shape[1], int)
    for bottom, row in enumerate(valid, start=1):
        heights = np.where(row, heights + 1, 0)
        stack: list[tuple[int, int]] = []
        for col, height in enumerate([*heights.tolist(), 0]):
            start = col
            while stack and stack[-1][1] >= height:
                start, top = stack.pop()
                if (col - start) * top > best:
                    best, found = (col - start) * top, (slice(bottom - top, bottom), slice(start, col))
            stack.append((start, height))
    return found


def write_tile(path: Path, piece: NDArray[np.uint16]) -> None:
    """Write a tile of a piece (3, h, w), repeated, in strips."""
    cols = np.arange(SIDE_PX) % piece.shape[2]
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=SIDE_PX,
        height=SIDE_PX,
        count=3,
        dtype="uint16",
        crs="EPSG:32646",
        transform=rasterio.Affine(10, 0, 300_000, 0, -10, 2_500_000),
        nodata=0,
        tiled=True,
        blockxsize=512,
        blockysize=512,
        compress="deflate",
        predictor=2,
        interleave="band",
        num_threads="all_cpus",
    ) as tile:
        tile.descriptions = ("B04", "B03", "B02")
        for row in range(0, SIDE_PX, STRIP_PX):
            rows = np.arange(row, row + STRIP_PX) % piece.shape[1]
            tile.write(piece[:, rows[:, None], cols], window=Window(0, row, SIDE_PX, STRIP_PX))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="keep scenes and maps in this folder")
    arguments = parser.parse_args()
    with rasterio.open(EXAMPLE) as example:
        scene = example.read([1, 2, 3])
    rows, cols = largest_valid((scene > 0).all(axis=0))
    part = scene[:, rows, cols]
    part = np.concatenate([part, part[:, ::-1]], axis=1)
    part = np.concatenate([part, part[:, :, ::-1]], axis=2)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name, piece in (("repeated as it is", scene), ("valid part repeated", part)):
            path = folder / f"{name.replace(' ', '-')}.tif"
            write_tile(path, piece)
            out = folder / path.stem
            command = [sys.executable, "-m", "landslip", "map", path, "-o", out, "--json", "--overwrite", "--no-resume"]
            summary = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            print(
                f"{SIDE_PX} x {SIDE_PX} px, 3 channels, {name}: {summary['valid_fraction']:.0%} valid, "
                f"{summary['landslides']} landslides\n"
                f"  peak memory {summary['peak_rss_mb']:,.0f} MB, wall {summary['wall_s']:.1f} s, network "
                f"{summary['network_s']:.1f} s = {summary['network_s'] / summary['wall_s']:.1%} "
                f"({summary['engine']} {summary['settings']['precision']}), "
                f"{summary['pixels'] / summary['wall_s'] / 1e6:.2f} million px/s"
            )


if __name__ == "__main__":
    main()
