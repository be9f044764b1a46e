"""Time of reading a whole Sentinel-2 tile with 13 channels through a scene, against plain rasterio on the same bytes.

    python benchmarks/reading.py [--format jp2] [--side 10980] [--rounds 2] [--keep FOLDER]

Makes a tile of the bands of a synthetic scene, repeated: 4 bands at 10 m, 6 at 20 m and 3 at 60 m, uint16. ``jp2``:
JPEG 2000 without loss in tiles of 1,024 px, as products are downloaded; ``tif``: deflated GeoTIFFs in tiles of 512 px,
as public archives keep them. The tile is read in blocks of 1,024 x 1,024 pixels of 10 m, with one size of GDAL's cache,
in turn

- ``stored``: by rasterio alone, the part of each band that a block covers, in its own resolution and type;
- ``10 m``: by rasterio alone, each band resampled to 10 m (bilinear) as float32, with its mask;
- ``scene``: by ``Scene.read``: all bands at 10 m as DN in float32, with the validity of every pixel.

Prints wall and processor seconds of every round, the ratios of the best rounds, and the peak memory.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.windows import Window as RasterioWindow

from landslip.grid.lattice import split_blocks
from landslip.grid.window import Window
from landslip.mapping.metadata.summary import peak_rss_mb
from landslip.scenes.block_cache import cache_settings
from landslip.scenes.rasters import open_scene
from landslip.synthetic.region import make_region
from landslip.synthetic.scene_files import make_scene

SIDE_PX = 10_980
BLOCK_PX = 1024
PIECE_PX = 1080
"""Side of the synthetic scene that is repeated: whole pixels of 10, 20 and 60 m."""
STRIP_PX = 1080
GEOTIFF = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "predictor": 2}
JPEG2000 = {"driver": "JP2OpenJPEG", "quality": "100", "reversible": "yes", "blockxsize": 1024, "blockysize": 1024}


def make_tile(folder: Path, side_px: int, ending: str) -> list[Path]:
    """Write the bands of a tile, a synthetic scene repeated; return their files."""
    made = []
    with tempfile.TemporaryDirectory() as temporary:
        piece = Path(temporary) / "piece"
        make_scene(piece, make_region(0, 0, PIECE_PX, PIECE_PX))
        for source in sorted(piece.glob("*_B*.tif")):
            made.append(folder / f"{source.stem}.{ending}")
            if not made[-1].exists():
                with rasterio.open(source) as band:
                    repeat(band.read(1), made[-1], side_px * band.width // PIECE_PX, band)
    return made


def repeat(values: NDArray[np.uint16], path: Path, side: int, like: rasterio.DatasetReader) -> None:
    """Write a band of which a piece is repeated."""
    profile = {"count": 1, "dtype": "uint16", "crs": like.crs, "transform": like.transform, "height": side}
    tif = path.with_suffix(".tif")
    cols = np.arange(side) % values.shape[1]
    with rasterio.open(
        tif, "w", driver="GTiff", width=side, nodata=0, num_threads="all_cpus", **profile, **GEOTIFF
    ) as to:
        to.set_band_description(1, like.descriptions[0])
        to.update_tags(**like.tags())
        for row in range(0, side, STRIP_PX):
            rows = np.arange(row, min(row + STRIP_PX, side)) % values.shape[0]
            to.write(values[rows[:, None], cols], 1, window=RasterioWindow(0, row, side, len(rows)))
    if path != tif:
        rasterio.shutil.copy(tif, path, **JPEG2000)
        tif.unlink()


def read_plainly(paths: list[Path], side_px: int, settings: dict[str, Any], *, at_10_m: bool) -> int:
    """Read the bands block by block with rasterio; return the number of values."""
    count = 0
    with rasterio.Env(**settings), ExitStack() as stack:
        files = [stack.enter_context(rasterio.open(path)) for path in paths]
        for block in blocks(side_px):
            for file in files:
                step = side_px / file.width
                if at_10_m:
                    window = RasterioWindow(*(n / step for n in (block.col, block.row, block.width, block.height)))
                    values = file.read(
                        1, window=window, out_shape=block.shape, resampling=Resampling.bilinear, masked=True,
                        out_dtype="float32",
                    )  # fmt: skip
                else:
                    row, col = int(block.row / step), int(block.col / step)
                    bottom, right = int(np.ceil(block.bottom / step)), int(np.ceil(block.right / step))
                    values = file.read(1, window=RasterioWindow(col, row, right - col, bottom - row))
                count += values.size
    return count


def read_scene(paths: list[Path], side_px: int) -> int:
    """Read the tile block by block through a scene; return the number of values."""
    count = 0
    scene = open_scene(paths)
    with rasterio.Env(**cache_settings(scene, scene.channels)):
        for block in blocks(side_px):
            values, _ = scene.read(scene.channels, block)
            count += values.size
    return count


def blocks(side_px: int) -> Iterable[Window]:
    return split_blocks(Window(0, 0, side_px, side_px), BLOCK_PX)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--format", choices=("tif", "jp2"), default="jp2")
    parser.add_argument("--side", type=int, default=SIDE_PX, help="of the tile in pixels of 10 m, a multiple of 6")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="keep the tile in this folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        paths = make_tile(folder, given.side, given.format)
        size_mb = sum(path.stat().st_size for path in paths) / 1e6
        print(f"{given.side} x {given.side} px, {len(paths)} bands, {given.format}, {size_mb:,.0f} MB", flush=True)
        scene = open_scene(paths)
        settings = cache_settings(scene, scene.channels)
        ways: dict[str, Callable[[], int]] = {
            "stored": lambda: read_plainly(paths, given.side, settings, at_10_m=False),
            "10 m": lambda: read_plainly(paths, given.side, settings, at_10_m=True),
            "scene": lambda: read_scene(paths, given.side),
        }
        best: dict[str, tuple[float, float]] = {}
        cpu: dict[str, float] = {}
        for _ in range(given.rounds):
            for name, run in ways.items():
                start, busy = perf_counter(), process_time()
                count = run()
                spent = perf_counter() - start, process_time() - busy
                best[name] = min(best.get(name, spent), spent)
                cpu[name] = min(cpu.get(name, spent[1]), spent[1])
                print(
                    f"  {name:<8}{spent[0]:7.1f} s, processor {spent[1]:7.1f} s, {count / 1e6:,.0f} million values",
                    flush=True,
                )
        for other in ("stored", "10 m"):
            print(
                f"  scene over {other}: {best['scene'][0] / best[other][0]:.2f} in wall time, "
                f"{cpu['scene'] / cpu[other]:.2f} in processor time"
            )
        print(f"  peak memory {peak_rss_mb():,.0f} MB, cache {settings['GDAL_CACHEMAX'] / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
