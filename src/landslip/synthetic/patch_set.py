"""Synthetic patch sets in the layout of Landslide4Sense: same file names, shapes, types and divisors."""

import csv
import json
from collections.abc import Iterator, Sequence
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
from landslip.files.progress import Progress, no_progress
from landslip.grid.resampling import resize_bilinear
from landslip.grid.window import Window
from landslip.synthetic.landscape import GRID_PX, Landscape, View
from landslip.synthetic.region import LARGEST_PX, PIXEL_M, Region, make_region

SYNTHETIC: Final = (
    "Synthetic data simulated by landslip: no place on Earth, no measurement. For tests, tutorials and scaling; "
    "accuracy on it does not transfer to real landslides."
)

_BLOCK_ROWS: Final = 3
_BLOCK_COLS: Final = 6
"""Patches computed at once; their pixels are aligned to the 60 m grid."""
_BYTES_PER_PATCH: Final = SIDE_PX**2 * (8 * len(L4S_CHANNELS) + 1) + 8192
_FIRST_LINE: Final = ("l4s_id", "scene", "row", "col", "landslide_pixels")


@dataclass(frozen=True, slots=True)
class RegionPlan:
    """The patches of one region of a set: a block of rows with consecutive ids, as in Landslide4Sense."""

    region: Region
    first_id: int
    count: int
    cols: int

    @property
    def rows(self) -> int:
        """Number of rows of patches; the last may be incomplete."""
        return -(-self.count // self.cols)


def plan_patch_set(patches: int, regions: int, seed: int, *, clouds: float = 0.0) -> tuple[RegionPlan, ...]:
    """Distribute patches evenly among regions.

    Raises:
        PatchesError: fewer patches than regions, no region, a region that is too large, a negative seed, or a cloud
            cover outside 0..1.
    """
    if seed < 0:
        raise PatchesError(f"seed must not be negative, got {seed}", parameter="seed")
    if not 1 <= regions <= patches:
        raise PatchesError(
            f"regions must lie between 1 and the number of patches, got {regions} regions for {patches} patches",
            parameter="regions",
        )
    plans: list[RegionPlan] = []
    first = 1
    for number in range(regions):
        count = patches // regions + (number < patches % regions)
        cols = int(np.ceil(np.sqrt(count)))
        if cols * SIDE_PX > LARGEST_PX:
            raise PatchesError(f"{count:,} patches do not fit into one region: use more regions", parameter="regions")
        rows = -(-count // cols)
        region = make_region(number, seed, rows * SIDE_PX, cols * SIDE_PX, clouds=clouds)
        plans.append(RegionPlan(region, first, count, cols))
        first += count
    return tuple(plans)


def make_patches(plan: RegionPlan) -> Iterator[Patch]:
    """Simulate the patches of a region in whole DN, degrees and metres; ordered by block, not by id."""
    landscape = Landscape(plan.region)
    for row in range(0, plan.rows, _BLOCK_ROWS):
        for col in range(0, plan.cols, _BLOCK_COLS):
            height, width = min(_BLOCK_ROWS, plan.rows - row), min(_BLOCK_COLS, plan.cols - col)
            block = Window(row * SIDE_PX, col * SIDE_PX, height * SIDE_PX, width * SIDE_PX)
            values, mask = simulate_block(landscape, block)
            for row_in, col_in in np.ndindex(height, width):
                number = (row + row_in) * plan.cols + col + col_in
                if number >= plan.count:
                    continue
                inside = Window(row_in * SIDE_PX, col_in * SIDE_PX, SIDE_PX, SIDE_PX).slices
                yield Patch(
                    id=plan.first_id + number,
                    scene=plan.region.name,
                    row=row + row_in,
                    col=col + col_in,
                    channels=L4S_CHANNELS,
                    values=np.ascontiguousarray(values[:, *inside]),
                    mask=np.ascontiguousarray(mask[inside]),
                )


def simulate_block(landscape: Landscape, block: Window) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Simulate the 14 channels of a window at 10 m (14, h, w) in whole DN, degrees and metres, and its mask (h, w)."""
    top, left = block.row // GRID_PX * GRID_PX - GRID_PX, block.col // GRID_PX * GRID_PX - GRID_PX
    bottom, right = (-(-edge // GRID_PX) * GRID_PX + GRID_PX for edge in (block.bottom, block.right))
    around = Window(top, left, bottom - top, right - left)
    reflectance = [name for name in L4S_CHANNELS if CHANNELS[name].kind == "reflectance"]
    view = landscape.render(around, reflectance)
    inside = block.relative_to(around).slices
    layers = [_layer(view, name)[inside] for name in L4S_CHANNELS]
    return np.stack(layers), view.landslide[inside]


def _layer(view: View, name: str) -> NDArray[np.float32]:
    """Return a channel at 10 m in whole units."""
    if name == "slope":
        return np.rint(view.terrain.slope_deg)
    if name == "elevation":
        return np.maximum(np.rint(view.terrain.elevation_m), 0)
    step = round((CHANNELS[name].resolution_m or PIXEL_M) / PIXEL_M)
    layer = view.dn[name].astype(np.float32)
    if step == 1:
        return np.rint(layer)
    # Inexact in the outermost coarse pixel only, which callers cut off.
    fine: NDArray[np.float32] = resize_bilinear(layer[None], layer.shape[0] * step, layer.shape[1] * step)[0]
    return np.rint(fine)


def make_patch_set(
    folder: Path,
    plans: Sequence[RegionPlan],
    *,
    seed: int,
    progress: Progress = no_progress,
) -> int:
    """Simulate a patch set and write it.

    Writes ``TrainData/img/image_N.h5``, ``TrainData/mask/mask_N.h5``, ``manifest.csv`` and ``synthetic.json``.

    Args:
        folder: a new or empty folder.
        plans: from ``plan_patch_set``.
        seed: random seed, recorded in ``synthetic.json``.
        progress: told ``("simulating patches", done, total)``.

    Returns:
        The number of patches.

    Raises:
        OutputError: the folder is not empty or cannot be written.
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
        progress("simulating patches", 0, total)
        for plan in plans:
            for patch in make_patches(plan):
                values = np.moveaxis(patch.values, 0, -1).astype(np.float64) / DIVISORS
                for name, data in (("img", values), ("mask", patch.mask)):
                    stem = "image" if name == "img" else "mask"
                    with h5py.File(train / name / f"{stem}_{patch.id}.h5", "w") as file:
                        file.create_dataset(name, data=data)
                lines.append((patch.id, patch.scene, patch.row, patch.col, int(patch.mask.sum())))
                progress("simulating patches", len(lines), total)
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
