"""Statistics for the views Explore and Detectors: a data set, its scenes as mosaics, and engine throughput."""

import json
import os
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landslip.channels import CHANNELS
from landslip.datasets.formats import open_patches
from landslip.datasets.mosaic.picture import MosaicPicture
from landslip.datasets.patch_set import UNKNOWN_SCENE
from landslip.files.progress import Progress, track
from landslip.inference.benchmark import time_engines
from landslip.mapping.finished_map import open_detector
from landslip.page.jobs.tasks import BenchmarkTask, ExploreTask, MosaicTask, handles
from landslip.probability import BACKGROUND, LANDSLIDE

_BINS: Final = 40
_MAX_READ: Final = 400
"""Patches that the statistics are computed from, sampled evenly over the data set; the page shows how many."""
_MAX_IN_MOSAIC: Final = 4000
_GAP_PX: Final = 16
_TILES: Final = 8


@handles(ExploreTask)
def summarise(task: ExploreTask, progress: Progress) -> dict[str, Any]:
    """Summarise a data set, or return the summary made before.

    Returns:
        channels, scenes with their numbers of patches, patches read, pixel counts, landslide fractions by patch, and
        histograms by channel.
    """
    record = task.out / "summary.json"
    if record.exists():
        known: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        return known
    patches = open_patches(task.data)
    entries = patches.entries
    sample = np.unique(np.linspace(0, len(entries) - 1, min(len(entries), _MAX_READ)).astype(int)).tolist()
    read = [patches.read(entries[index]) for index in track(sample, progress, "reading")]
    values = np.stack([patch.values for patch in read])
    masks = np.stack([patch.mask for patch in read])
    landslide, background = masks == LANDSLIDE, masks == BACKGROUND
    fractions = [
        float(positive[valid].mean())
        for positive, valid in zip(landslide, landslide | background, strict=True)
        if valid.any()
    ]
    scenes = [(entry.scene, entry.split) for entry in entries]
    summary = {
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
                "with position": sum(e.row is not None for e in entries if (e.scene, e.split) == (scene, split)),
            }
            for scene, split in sorted(set(scenes))
        ],
        "landslide_px": int(landslide.sum()),
        "background_px": int(background.sum()),
        "nodata_px": int((~landslide & ~background).sum()),
        "fractions": fractions,
        "histograms": [
            _histogram(name, values[:, index], landslide, background) for index, name in enumerate(patches.channels)
        ],
    }
    task.out.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(summary), encoding="utf-8")
    return summary


def _histogram(
    name: str, layer: NDArray[np.float32], landslide: NDArray[np.bool_], background: NDArray[np.bool_]
) -> dict[str, Any]:
    """Histogram of a channel by class, in % of the class, over the range of 99.8 % of the values."""
    low, high = (float(limit) for limit in np.percentile(layer, (0.1, 99.9)))
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    densities = {
        label: (np.histogram(layer[where], edges)[0] / max(int(where.sum()), 1) * 100).tolist()
        for label, where in (("landslide", landslide), ("background", background))
    }
    return {
        "channel": name,
        "unit": CHANNELS[name].unit,
        "centres": ((edges[:-1] + edges[1:]) / 2).tolist(),
        **densities,
    }


@handles(MosaicTask)
def draw_mosaics(task: MosaicTask, progress: Progress) -> dict[str, Any]:
    """Draw every scene whose patches have known positions; return the files by scene."""
    patches = open_patches(task.data)
    positioned = [
        entry
        for entry in patches.entries
        if entry.scene != UNKNOWN_SCENE and entry.row is not None and entry.col is not None
    ]
    files: dict[str, str] = {}
    done = 0
    task.out.mkdir(parents=True, exist_ok=True)
    for number, scene in enumerate(sorted({entry.scene for entry in positioned})):
        members = [entry for entry in positioned if entry.scene == scene][:_MAX_IN_MOSAIC]
        top, left = min(entry.row for entry in members), min(entry.col for entry in members)
        rows = 1 + max(entry.row for entry in members) - top
        cols = 1 + max(entry.col for entry in members) - left
        picture: MosaicPicture | None = None
        for entry in members:
            patch = patches.read(entry)
            if picture is None:
                picture = MosaicPicture(scene, patches.channels, rows, cols, patch.mask.shape[0])
            picture.add(entry.row - top, entry.col - left, patch)
            done += 1
            progress("drawing", done, len(positioned))
        if picture is not None:
            path = task.out / f"mosaic-{number}.webp"
            _join_panels(picture).save(path, "WEBP", quality=84)
            files[scene] = str(path)
    return {"files": files}


def _join_panels(picture: MosaicPicture) -> Image.Image:
    """Image and reference side by side."""
    first, *others = (rgb for _, rgb in picture.panels())
    gap = np.full((first.shape[0], _GAP_PX, 3), 255, np.uint8)
    return Image.fromarray(np.concatenate([first, *(part for rgb in others for part in (gap, rgb))], axis=1))


@handles(BenchmarkTask)
def run_benchmark(task: BenchmarkTask, progress: Progress) -> dict[str, Any]:
    """Measure the throughput of every installed engine on synthetic tiles of the detector's size.

    Returns:
        tiles per round, tile side, cores, and one row per engine and precision.
    """
    detector = open_detector(task.detector)
    timed, _ = time_engines(detector, _TILES, progress=progress)
    return {
        "tiles": _TILES,
        "side_px": detector.card.tile_px,
        "cores": os.cpu_count(),
        "rows": [asdict(row) for row in timed],
    }
