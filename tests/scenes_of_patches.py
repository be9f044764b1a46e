"""Small sets of 8-bit pictures for tests of training: brown scars on green ground. Synthetic, no place on Earth."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE_PX = 64


def scar(seed: int, side: int = SIDE_PX) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A picture (H, W, 3) with a scar or two, and where they are (H, W)."""
    chance = np.random.default_rng(seed)
    mask = np.zeros((side, side), np.uint8)
    for _ in range(chance.integers(1, 3)):
        top, left = chance.integers(0, side - 16, 2)
        mask[top : top + chance.integers(8, 16), left : left + chance.integers(6, 14)] = 1
    ground = np.array([60, 90, 50]) + chance.normal(0, 6, (side, side, 3))
    bare = np.array([150, 120, 90]) + chance.normal(0, 6, (side, side, 3))
    return np.clip(np.where(mask[..., None] == 1, bare, ground), 0, 255).astype(np.uint8), mask


def make_rgb_set(
    folder: Path, scenes: "dict[str, Iterable[int]]", *, masks: "dict[int, NDArray[np.uint8]] | None" = None
) -> Path:
    """Write a set: each number is the seed of its patch, each scene a column; masks may be replaced."""
    for part in ("img", "mask"):
        (folder / part).mkdir(parents=True)
    with (folder / "manifest.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "scene", "row", "col"])
        for scene, numbers in scenes.items():
            for row, number in enumerate(numbers):
                image, mask = scar(number)
                mask = (masks or {}).get(number, mask)
                Image.fromarray(image).save(folder / f"img/image_{number}.png")
                Image.fromarray(mask.astype(bool)).save(folder / f"mask/mask_{number}.png")
                table.writerow([number, scene, row, 0])
    return folder
