"""The files of a mosaic: a table of places, and for every scene its channels and its truth as GeoTIFFs.

The GeoTIFFs have no CRS and no transform: nothing says where on Earth the patches lie. Where no patch lies, they are
not observed.
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
from landslip.datasets.formats import SENTINEL
from landslip.datasets.mosaic.assembly import Placed
from landslip.datasets.mosaic.picture import MosaicPicture
from landslip.datasets.mosaic.recovery import Recovery, Watch, scene_name
from landslip.datasets.patch_set import Patch, PatchSet
from landslip.errors import OutputError
from landslip.files.atomic import atomic_folder
from landslip.files.georeference_warnings import ignore_missing_crs
from landslip.probability import NODATA

TABLE: Final = "places.csv"
_SCENE_FILE: Final = re.compile(r"S\d+(_truth\.tif|\.tif|\.png)")
_DN_NOT_OBSERVED: Final = 65535
_TERRAIN_NOT_OBSERVED: Final = -9999


@dataclass(frozen=True, slots=True)
class Storage:
    """How values are kept: whole DN, degrees and metres."""

    dtype: str
    nodata: int
    largest: int

    @classmethod
    def of(cls, channels: tuple[str, ...]) -> "Storage":
        """Reflectance alone fits 16 bits; elevation may lie below the sea."""
        if all(CHANNELS[name].kind == "reflectance" for name in channels):
            return cls("uint16", _DN_NOT_OBSERVED, _DN_NOT_OBSERVED - 1)
        return cls("int32", _TERRAIN_NOT_OBSERVED, 2**31 - 1)

    def stored(self, values: NDArray[np.float32]) -> NDArray[Any]:
        """Values rounded, the brightest cut off at what the type can hold."""
        smallest = 0 if self.nodata > 0 else self.nodata + 1
        kept: NDArray[Any] = np.clip(np.rint(values), smallest, self.largest).astype(self.dtype)
        return kept


def write_mosaics(
    patches: PatchSet[Any],
    recovery: Recovery,
    out: Path,
    *,
    least: int = 4,
    source: str = SENTINEL,
    overwrite: bool = False,
    watch: Watch = lambda doing, done, total: None,
) -> tuple[Path, ...]:
    """Write the table, and for every scene of at least so many patches ``S1.tif``, ``S1_truth.tif`` and ``S1.png``.

    Patches are read one at a time; files get their names when all of them are whole.

    Args:
        patches: those that were placed.
        recovery: their places.
        out: folder, made if need be.
        least: smaller scenes are in the table only.
        source: where the patches come from, in a sentence.
        overwrite: replace files that are there.
        watch: told what is being done, how much of it is done, how much there is.

    Returns:
        The files.

    Raises:
        OutputError: the folder holds a mosaic already, or cannot be written to.
    """
    if (out / TABLE).exists() and not overwrite:
        raise OutputError(f"{out} holds a mosaic already: give another folder, or --overwrite to replace it")
    try:
        with atomic_folder(out, overwrite=True, last=TABLE) as unfinished:
            (unfinished / TABLE).write_text(recovery.table(), encoding="utf-8")
            shown = [number for number, size in enumerate(recovery.scenes.values()) if size >= least]
            total = sum(one.group in shown for one in recovery.placed)
            done = 0
            for group in shown:
                done = _write_scene(
                    patches, recovery, group, unfinished, source, done, lambda now: watch("writing", now, total)
                )
            made = sorted(path.name for path in unfinished.iterdir() if path.name != TABLE)
            if out.exists():
                _remove_older(out)
    except RasterioError as error:
        raise OutputError(
            f"the mosaic cannot be written to {out} ({error}): give a folder with room that you may write to"
        ) from error
    return tuple(out / name for name in (TABLE, *made))


def _remove_older(out: Path) -> None:
    """Remove an older mosaic: it may have had more scenes, and would be mixed with this one."""
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
    watch: Callable[[int], None],
) -> int:
    """Write one scene; the number of patches written so far."""
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
        _raster(
            folder / f"{name}_truth.tif", size, ("truth",), Storage("uint8", NODATA, 1), side, source
        ) as truth_file,
    ):
        for row, col, number in members:
            patch = equalised(patches.read(recovery.entries[number]), float(recovery.gains[number]))
            window = Window(col * side, row * side, side, side)
            values_file.write(storage.stored(patch.values), window=window)
            truth_file.write(patch.mask, 1, window=window)
            picture.add(row, col, patch)
            done += 1
            watch(done)
    picture.draw(_likely(recovery.placed, group), source).save(folder / f"{name}.png", optimize=True)
    return done


def equalised(patch: Patch, gain: float) -> Patch:
    """The patch with its reflectance divided by its gain; terrain as it is."""
    if gain == 1:
        return patch
    factor = np.array(
        [1 / gain if CHANNELS[name].kind == "reflectance" else 1.0 for name in patch.channels], np.float32
    )
    values = patch.values * factor[:, None, None]
    return Patch(patch.id, patch.scene, patch.row, patch.col, patch.channels, values, patch.mask)


def _likely(placed: tuple[Placed, ...], group: int) -> float:
    """Share of a group's touching sides for which no rival fits better."""
    members = [one for one in placed if one.group == group]
    sides = sum(one.neighbours for one in members)
    return sum(one.agreeing for one in members) / sides if sides else 1.0


@contextlib.contextmanager
def _raster(
    path: Path, size: tuple[int, int], bands: tuple[str, ...], storage: Storage, side: int, source: str
) -> Iterator[Any]:
    """A GeoTIFF without a place, not observed wherever nothing is written."""
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
            # A patch is then a block, or some of them, and is compressed once.
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
            TIFFTAG_IMAGEDESCRIPTION="Mosaic of patches, put together by their edges; its place on Earth is not known",
            TIFFTAG_COPYRIGHT=source,
        )
        for band, name in enumerate(bands, start=1):
            raster.set_band_description(band, name)
            raster.set_band_unit(band, CHANNELS[name].unit if name in CHANNELS else "1")
        yield raster
