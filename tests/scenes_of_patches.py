"""Small sets of RGB patches on disk, with scenes, rows and columns: enough to train on for a moment."""

from pathlib import Path

import numpy as np
from PIL import Image


def rgb_scenes(folder: Path, scenes: str = "ABC", rows: int = 6, cols: int = 2, side: int = 64) -> Path:
    """Patches with bright squares as landslides, in scenes of rows and columns."""
    chance = np.random.default_rng(11)
    for part in ("img", "mask"):
        (folder / part).mkdir(parents=True)
    lines, number = ["id,scene,row,col"], 0
    for scene in scenes:
        for row in range(rows):
            for col in range(cols):
                number += 1
                mask = np.zeros((side, side), bool)
                down, right = chance.integers(0, side - 22, 2)
                mask[down : down + 20, right : right + 22] = True
                image = chance.integers(20, 70, (side, side, 3)) + 150 * mask[..., None]
                Image.fromarray(image.astype(np.uint8)).save(folder / "img" / f"image_{number}.png")
                Image.fromarray(mask).save(folder / "mask" / f"mask_{number}.png")
                lines.append(f"{number},{scene},{row},{col}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder


TINY = (
    "name=tiny",
    "network.weights=none",
    "network.decoder_channels=[16,16,8,8,8]",
    "fit.epochs=1",
    "fit.check_every=1",
    "fit.batch=4",
    "log.tensorboard=false",
    "detector.tile_px=64",
    "detector.overlap_px=0",
)
"""Settings of the packaged recipe that make it quick and useless."""
