"""The size of GDAL's block cache that reads each block of the files of a scene once.

A map is read in rows of blocks, and the tiles of the network reach into the next row: what a file decodes for that
margin is needed again a row later. A cache that holds two rows of a file's own blocks decodes nothing twice; with less,
a JPEG 2000 product is decoded almost twice. GDAL's default is a fraction of the machine's memory.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from landslip.scenes.raster_file import RasterFile
from landslip.scenes.resampled_file import ResampledFile
from landslip.scenes.scene import ElevationSlope, Scene, Source
from landslip.scenes.tiles import TileMosaic

_LEAST_BYTES: Final = 64 * 2**20
_MOST_BYTES: Final = 512 * 2**20
_SPARE: Final = 1.1
"""GDAL counts more than the pixels of a block."""


def cache_settings(scene: Scene, channels: Sequence[str]) -> dict[str, Any]:
    """Return settings for ``rasterio.Env`` with which channels of a scene are read.

    Args:
        scene: to be read from top to bottom.
        channels: that are read.

    Returns:
        ``GDAL_CACHEMAX``, 64 to 512 MB. In bytes, as rasterio takes it: with 64 nothing would stay in the cache.
    """
    layers = [
        # A slope that is not in a file is computed from the elevation; of a composite one scene has it.
        layer
        for one in (scene, *scene.members)
        for name in channels
        if (layer := one.layers.get(name) or one.layers.get("elevation"))
    ]
    files = {id(file): file for layer in layers for file in _files(layer.source)}
    needed = sum(_two_rows_bytes(file) for file in files.values())
    return {"GDAL_CACHEMAX": int(min(max(needed * _SPARE, _LEAST_BYTES), _MOST_BYTES))}


def _files(source: Source) -> Iterator[RasterFile]:
    """Yield the files behind a source; none for an array in memory."""
    if isinstance(source, ResampledFile):
        yield from _files(source.file)
    elif isinstance(source, ElevationSlope):
        yield from _files(source.elevation.source)
    elif isinstance(source, TileMosaic):
        yield from (tile.file for tile in source.tiles)
    elif isinstance(source, RasterFile):
        yield source


def _two_rows_bytes(file: RasterFile) -> int:
    """Return the bytes of two rows of the blocks of a file, in all of its bands."""
    height, width = file.block_shape
    across = -(-file.shape[1] // width) * width
    return 2 * min(height, file.shape[0]) * across * file.pixel_bytes
