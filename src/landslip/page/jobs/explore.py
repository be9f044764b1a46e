"""A data set summed up for people: class balance, values by class and channel, and its scenes with their mosaic."""

import json
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landslip.channels import CHANNELS
from landslip.datasets.formats import open_patches
from landslip.datasets.mosaic.picture import MosaicPicture
from landslip.datasets.patch_set import UNKNOWN_SCENE
from landslip.page.jobs.perform import Watch
from landslip.page.jobs.tasks import ExploreTask, MosaicTask
from landslip.probability import BACKGROUND, LANDSLIDE

_BINS: Final = 40
_MOST_READ: Final = 400
"""Patches that are read for the figures, spread evenly over the set; the page says how many."""
_MOST_MOSAIC: Final = 4000
_GAP_PX: Final = 16
_SUMMARY: Final = "summary.json"


def explore(task: ExploreTask, watch: Watch) -> dict[str, Any]:
    """Sum up a data set, or give what was summed up before.

    Returns:
        channels, scenes with their counts, how many patches were read, class balance, shares, and histograms.
    """
    kept = task.out / _SUMMARY
    if kept.exists():
        known: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return known
    patches = open_patches(task.data)
    entries = patches.entries
    picked = np.unique(np.linspace(0, len(entries) - 1, min(len(entries), _MOST_READ)).astype(int))
    read = [patches.read(entries[position]) for position in _watched(picked, watch)]
    values = np.stack([patch.values for patch in read])
    masks = np.stack([patch.mask for patch in read])
    landslide, other = masks == LANDSLIDE, masks == BACKGROUND
    shares = [float(one[known].mean()) for one, known in zip(landslide, landslide | other, strict=True) if known.any()]
    scenes = [(entry.scene, entry.split) for entry in entries]
    answer = {
        "name": task.data.name,
        "channels": list(patches.channels),
        "patches": len(entries),
        "read": len(read),
        "side_px": int(masks.shape[1]),
        "scenes": [
            {
                "scene": scene,
                "split": split,
                "patches": scenes.count((scene, split)),
                "placed": sum(e.row is not None for e in entries if (e.scene, e.split) == (scene, split)),
            }
            for scene, split in sorted(set(scenes))
        ],
        "landslide_px": int(landslide.sum()),
        "other_px": int(other.sum()),
        "unknown_px": int((~landslide & ~other).sum()),
        "shares": shares,
        "histograms": [
            _histogram(name, values[:, index], landslide, other) for index, name in enumerate(patches.channels)
        ],
    }
    task.out.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(answer), encoding="utf-8")
    return answer


def _watched(positions: NDArray[np.intp], watch: Watch) -> Any:
    for done, position in enumerate(positions, start=1):
        yield int(position)
        watch("reading", done, len(positions))


def _histogram(
    name: str, layer: NDArray[np.float32], landslide: NDArray[np.bool_], other: NDArray[np.bool_]
) -> dict[str, Any]:
    """Densities of a channel's values by class, over the range that holds 99.8 % of them."""
    low, high = (float(one) for one in np.percentile(layer, (0.1, 99.9)))
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    density = {
        label: np.histogram(layer[where], edges)[0] / max(int(where.sum()), 1) * 100
        for label, where in (("landslide", landslide), ("other", other))
    }
    return {
        "channel": name,
        "unit": CHANNELS[name].unit,
        "middles": ((edges[:-1] + edges[1:]) / 2).tolist(),
        **{label: values.tolist() for label, values in density.items()},
    }


def draw_mosaics(task: MosaicTask, watch: Watch) -> dict[str, Any]:
    """Draw every scene of which the places are known; gives the files by scene."""
    patches = open_patches(task.data)
    placed = [
        one for one in patches.entries if one.scene != UNKNOWN_SCENE and one.row is not None and one.col is not None
    ]
    files: dict[str, str] = {}
    done = 0
    task.out.mkdir(parents=True, exist_ok=True)
    for number, scene in enumerate(sorted({one.scene for one in placed})):
        members = [one for one in placed if one.scene == scene][:_MOST_MOSAIC]
        top, left = min(one.row for one in members), min(one.col for one in members)
        rows = 1 + max(one.row for one in members) - top
        cols = 1 + max(one.col for one in members) - left
        picture: MosaicPicture | None = None
        for one in members:
            patch = patches.read(one)
            if picture is None:
                picture = MosaicPicture(scene, patches.channels, rows, cols, patch.mask.shape[0])
            picture.add(one.row - top, one.col - left, patch)
            done += 1
            watch("drawing", done, len(placed))
        if picture is not None:
            path = task.out / f"mosaic-{number}.webp"
            _panels(picture).save(path, "WEBP", quality=84)
            files[scene] = str(path)
    return {"files": files}


def _panels(picture: MosaicPicture) -> Image.Image:
    """Ground and truth side by side."""
    seen = [rgb for _, rgb in picture.panels()]
    gap = np.full((seen[0].shape[0], _GAP_PX, 3), 255, np.uint8)
    beside = seen[:1] + [part for rgb in seen[1:] for part in (gap, rgb)]
    return Image.fromarray(np.concatenate(beside, axis=1))
