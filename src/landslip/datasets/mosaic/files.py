"""The files of a mosaic: a table of positions, and the channels and the mask of every scene as GeoTIFFs.

The GeoTIFFs have no CRS and no transform, because the location on Earth is unknown. Gaps between patches are nodata.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from landslip.channels import CHANNELS
from landslip.datasets.mosaic.assembly import PlacedPatch
from landslip.datasets.mosaic.picture import MosaicPicture
from landslip.datasets.mosaic.recovery import Recovery, scene_name
from landslip.datasets.patch_set import SENTINEL, Patch, PatchSet
from landslip.errors import OutputError
from landslip.files.atomic import atomic_folder
from landslip.files.georeference_warnings import ignore_missing_crs
from landslip.files.progress import Progress, no_progress
from landslip.probability import NODATA

TABLE: Final = "positions.csv"
_SCENE_FILE: Final = re.compile(r"S\d+(_mask\.tif|\.tif|\.png)")
_DN_NODATA: Final = 65535
_TERRAIN_NODATA: Final = -9999


@dataclass(frozen=True, slots=True)
class Storage:
    """Type and nodata value of integer DN, degrees and metres."""

    dtype: str
    nodata: int
    largest: int

    @classmethod
    def of(cls, channels: tuple[str, ...]) -> "Storage":
        """Choose unsigned 16 bits for reflectance alone, and 32 bits with terrain, whose elevation may be negative."""
        if all(CHANNELS[name].kind == "reflectance" for name in channels):
            return cls("uint16", _DN_NODATA, _DN_NODATA - 1)
        return cls("int32", _TERRAIN_NODATA, 2**31 - 1)

    def encode(self, values: NDArray[np.float32]) -> NDArray[Any]:
        """Round values and clip them to the range of the type."""
        smallest = 0 if self.nodata > 0 else self.nodata + 1
        encoded: NDArray[Any] = np.clip(np.rint(values), smallest, self.largest).astype(self.dtype)
        return encoded


def write_mosaics(
    patches: PatchSet[Any],
    recovery: Recovery,
    out: str | Path,
    *,
    min_patches: int = 4,
    source: str = SENTINEL,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> tuple[Path, ...]:
    """Write ``positions.csv``, and ``S1.tif``, ``S1_mask.tif`` and ``S1.png`` for each larger scene, atomically.

    Args:
        patches: the patches, read one at a time.
        recovery: their positions.
        out: the folder, which is created.
        min_patches: smaller scenes are in the table only.
        source: attribution of the patches.
        overwrite: replace an earlier mosaic.
        progress: told how many patches are written.

    Returns:
        The paths of the files.

    Raises:
        OutputError: the folder has a mosaic already, or cannot be written.
    """
    out = Path(out)
    if (out / TABLE).exists() and not overwrite:
        raise OutputError(
            f"{out} has a mosaic already: give another folder, or allow overwriting", parameter="overwrite"
        )
    try:
        with atomic_folder(out, overwrite=True, last=TABLE) as unfinished:
            (unfinished / TABLE).write_text(recovery.table(), encoding="utf-8")
            shown = [number for number, size in enumerate(recovery.scenes.values()) if size >= min_patches]
            total = sum(one.group in shown for one in recovery.placed)
            done = 0
            for group in shown:
                done = _write_scene(
                    patches, recovery, group, unfinished, source, done, lambda now: progress("writing", now, total)
                )
            made = sorted(path.name for path in unfinished.iterdir() if path.name != TABLE)
            if out.exists():
                _remove_older(out)
    except RasterioError as error:
        raise OutputError(
            f"the mosaic cannot be written to {out} ({error}): give a folder on a disk with space that you may write to"
        ) from error
    return tuple(out / name for name in (TABLE, *made))


def _remove_older(out: Path) -> None:
    """Remove an earlier mosaic, which may have had more scenes."""
    (out / TABLE).unlink(missing_ok=True)
    for path in out.iterdir():
        if _SCENE_FILE.fullmatch(path.name):
            path.unlink()


def _write_scene(
    patches: PatchSet[Any],
    recovery: Recovery,
    group: int,
    folder: Path,
    source: str,
    done: int,
    report: Callable[[int], None],
) -> int:
    """Write one scene, and return the number of patches written so far."""
    members = sorted((one.row, one.col, number) for number, one in enumerate(recovery.placed) if one.group == group)
    first = patches.read(recovery.entries[members[0][2]])
    side = first.mask.shape[0]
    rows, cols = 1 + max(row for row, _, _ in members), 1 + max(col for _, col, _ in members)
    name = scene_name(group)
    storage = Storage.of(patches.channels)
    picture = MosaicPicture(name, patches.channels, rows, cols, side)
    size = (rows * side, cols * side)
    with (
        _raster(folder / f"{name}.tif", size, patches.channels, storage, side, source) as values_file,
        _raster(folder / f"{name}_mask.tif", size, ("mask",), Storage("uint8", NODATA, 1), side, source) as mask_file,
    ):
        for row, col, number in members:
            patch = equalise(patches.read(recovery.entries[number]), float(recovery.gains[number]))
            window = Window(col * side, row * side, side, side)
            values_file.write(storage.encode(patch.values), window=window)
            mask_file.write(patch.mask, 1, window=window)
            picture.add(row, col, patch)
            done += 1
            report(done)
    picture.draw(_agreement_fraction(recovery.placed, group), source).save(folder / f"{name}.png", optimize=True)
    return done


def equalise(patch: Patch, gain: float) -> Patch:
    """Divide the reflectance of a patch by its gain; terrain is not changed."""
    if gain == 1:
        return patch
    factor = np.array(
        [1 / gain if CHANNELS[name].kind == "reflectance" else 1.0 for name in patch.channels], np.float32
    )
    values = patch.values * factor[:, None, None]
    return Patch(patch.id, patch.scene, patch.row, patch.col, patch.channels, values, patch.mask)


def _agreement_fraction(placed: tuple[PlacedPatch, ...], group: int) -> float:
    """Return the fraction of the touching sides of a group for which no rival matches better."""
    members = [one for one in placed if one.group == group]
    sides = sum(one.neighbours for one in members)
    return sum(one.agreeing for one in members) / sides if sides else 1.0


@contextlib.contextmanager
def _raster(
    path: Path, size: tuple[int, int], bands: tuple[str, ...], storage: Storage, side: int, source: str
) -> Iterator[Any]:
    """Open a GeoTIFF without georeference, nodata wherever nothing is written."""
    with (
        ignore_missing_crs(None),
        rasterio.open(
            path,
            "w",
            driver="GTiff",
            height=size[0],
            width=size[1],
            count=len(bands),
            dtype=storage.dtype,
            nodata=storage.nodata,
            tiled=True,
            # A patch is then one or more blocks, and is compressed once.
            blockxsize=side if side % 16 == 0 else 256,
            blockysize=side if side % 16 == 0 else 256,
            compress="DEFLATE",
            predictor=2,
            interleave="band",
            photometric="MINISBLACK",
            sparse_ok=True,
            bigtiff="IF_SAFER",
        ) as raster,
    ):
        raster.update_tags(
            TIFFTAG_IMAGEDESCRIPTION="Mosaic of patches, assembled by matching their edges; location on Earth unknown",
            TIFFTAG_COPYRIGHT=source,
        )
        for band, name in enumerate(bands, start=1):
            raster.set_band_description(band, name)
            raster.set_band_unit(band, CHANNELS[name].unit if name in CHANNELS else "1")
        yield raster
