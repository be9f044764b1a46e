"""A synthetic patch set in the official layout of Landslide4Sense: files, names, shapes, types and divisors alike."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.channels import CHANNELS
from landslip.datasets.l4s_values import DIVISORS, L4S_CHANNELS, SIDE_PX
from landslip.datasets.patch_set import Patch
from landslip.errors import PatchesError, require_extra
from landslip.files.atomic import atomic_folder, check_disk_space
from landslip.grid.window import Window
from landslip.synthetic.landscape import GRID_PX, Landscape, View
from landslip.synthetic.region import LARGEST_PX, PIXEL_M, Region, make_region

SYNTHETIC: Final = (
    "Synthetic ground made by landslip: no place on Earth, no measurement. For tests, for learning and for scale; "
    "an accuracy on it says nothing about real landslides."
)

_BLOCK_ROWS: Final = 3
_BLOCK_COLS: Final = 6
"""Patches computed at once: their pixels lie on the grid of 60 m."""
_BYTES_PER_PATCH: Final = SIDE_PX**2 * (8 * len(L4S_CHANNELS) + 1) + 8192
_FIRST_LINE: Final = ("l4s_id", "scene", "row", "col", "landslide_pixels")


@dataclass(frozen=True, slots=True)
class Plan:
    """Which patches a set holds: each region is a block of rows, numbered on from the last as in Landslide4Sense."""

    region: Region
    first_id: int
    count: int
    cols: int

    @property
    def rows(self) -> int:
        """Rows of patches; the last may be short."""
        return -(-self.count // self.cols)


def plan_set(patches: int, regions: int, seed: int, *, clouds: float = 0.0) -> tuple[Plan, ...]:
    """Share patches among regions, as evenly as can be.

    Raises:
        PatchesError: fewer patches than regions, no region, a region larger than can be made, a negative seed, or a
            cloud cover that is none.
    """
    if seed < 0:
        raise PatchesError(f"a seed of {seed} is none: give a whole number from 0 up")
    if not 1 <= regions <= patches:
        raise PatchesError(
            f"{patches} patches cannot be shared among {regions} regions: ask for at least one region, and for at "
            "least as many patches as regions"
        )
    plans: list[Plan] = []
    first = 1
    for number in range(regions):
        count = patches // regions + (number < patches % regions)
        cols = int(np.ceil(np.sqrt(count)))
        if cols * SIDE_PX > LARGEST_PX:
            raise PatchesError(f"{count} patches do not fit into one region: ask for more regions")
        rows = -(-count // cols)
        region = make_region(number, seed, rows * SIDE_PX, cols * SIDE_PX, clouds=clouds)
        plans.append(Plan(region, first, count, cols))
        first += count
    return tuple(plans)


def make_patches(plan: Plan) -> Iterator[Patch]:
    """Make the patches of a region, in the order of blocks, not of ids; values are whole DN, degrees and metres."""
    landscape = Landscape(plan.region)
    for row in range(0, plan.rows, _BLOCK_ROWS):
        for col in range(0, plan.cols, _BLOCK_COLS):
            height, width = min(_BLOCK_ROWS, plan.rows - row), min(_BLOCK_COLS, plan.cols - col)
            block = Window(row * SIDE_PX, col * SIDE_PX, height * SIDE_PX, width * SIDE_PX)
            values, mask = block_values(landscape, block)
            for place in np.ndindex(height, width):
                number = (row + place[0]) * plan.cols + col + place[1]
                if number >= plan.count:
                    continue
                inside = Window(place[0] * SIDE_PX, place[1] * SIDE_PX, SIDE_PX, SIDE_PX).slices
                yield Patch(
                    id=plan.first_id + number,
                    scene=plan.region.name,
                    row=row + place[0],
                    col=col + place[1],
                    channels=L4S_CHANNELS,
                    values=np.ascontiguousarray(values[:, *inside]),
                    mask=np.ascontiguousarray(mask[inside]),
                )


def block_values(landscape: Landscape, block: Window) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The 14 channels of a window at 10 m, whole DN, degrees and metres (14, h, w), and its mask (h, w)."""
    top, left = block.row // GRID_PX * GRID_PX - GRID_PX, block.col // GRID_PX * GRID_PX - GRID_PX
    bottom, right = (-(-edge // GRID_PX) * GRID_PX + GRID_PX for edge in (block.bottom, block.right))
    around = Window(top, left, bottom - top, right - left)
    reflectance = [name for name in L4S_CHANNELS if CHANNELS[name].kind == "reflectance"]
    view = landscape.view(around, reflectance)
    inside = block.relative_to(around).slices
    layers = [_layer(view, name)[inside] for name in L4S_CHANNELS]
    return np.stack(layers), view.landslide[inside]


def _layer(view: View, name: str) -> NDArray[np.float32]:
    """A channel at 10 m in whole units."""
    if name == "slope":
        return np.rint(view.ground.slope_deg)
    if name == "elevation":
        return np.maximum(np.rint(view.ground.elevation_m), 0)
    step = round((CHANNELS[name].resolution_m or PIXEL_M) / PIXEL_M)
    return np.rint(_finer(view.dn[name].astype(np.float32), step))


def _finer(layer: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Bring a channel of 20 m or 60 m to 10 m, bilinear; right but for the outermost coarse pixel."""
    if step == 1:
        return layer
    for _ in range(2):
        places = (np.arange(layer.shape[0] * step) + 0.5) / step - 0.5
        first = np.floor(places).astype(np.int64)
        share = (places - first).astype(np.float32)[:, None]
        last = len(layer) - 1
        layer = layer[np.clip(first, 0, last)] * (1 - share) + layer[np.clip(first + 1, 0, last)] * share
        layer = np.ascontiguousarray(layer.T)
    return layer


def make_patch_set(
    folder: Path,
    plans: Sequence[Plan],
    *,
    seed: int,
    progress: Callable[[str, int, int], None] = lambda doing, done, total: None,
) -> int:
    """Write a set: ``TrainData/img/image_N.h5``, ``TrainData/mask/mask_N.h5``, ``manifest.csv``, ``synthetic.json``.

    Returns:
        The number of patches.

    Raises:
        OutputError: the folder holds something or cannot be written.
        MissingExtraError: h5py is not installed.
    """
    h5py = require_extra("h5py", "train")
    total = sum(plan.count for plan in plans)
    lines: list[tuple[int, str, int | None, int | None, int]] = []
    check_disk_space(folder, total * _BYTES_PER_PATCH)
    with atomic_folder(folder) as unfinished:
        train = unfinished / "TrainData"
        (train / "img").mkdir(parents=True)
        (train / "mask").mkdir()
        progress("making patches", 0, total)
        for plan in plans:
            for patch in make_patches(plan):
                values = np.moveaxis(patch.values, 0, -1).astype(np.float64) / DIVISORS
                for name, data in (("img", values), ("mask", patch.mask)):
                    stem = "image" if name == "img" else "mask"
                    with h5py.File(train / name / f"{stem}_{patch.id}.h5", "w") as file:
                        file.create_dataset(name, data=data)
                lines.append((patch.id, patch.scene, patch.row, patch.col, int(patch.mask.sum())))
                progress("making patches", len(lines), total)
        with (unfinished / "manifest.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(_FIRST_LINE)
            writer.writerows(sorted(lines))
        facts = {
            "what": SYNTHETIC,
            "seed": seed,
            "regions": [{**asdict(plan.region), "date": plan.region.date.isoformat()} for plan in plans],
        }
        (unfinished / "synthetic.json").write_text(json.dumps(facts, indent=2) + "\n")
    return total
