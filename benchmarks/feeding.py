"""Patches per second that reach a network from HDF5 files, from a store and from memory, in one run.

    python benchmarks/feeding.py [DIR] [--patches 512]

DIR is a Landslide4Sense folder; without one, files of the same size are made in a temporary folder. "cold" is the
first epoch after the files were dropped from the system's cache, where the system allows that.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import NamedTuple

import h5py
import numpy as np

from landslip.datasets.l4s import L4sSet, open_l4s
from landslip.datasets.l4s_values import DIVISORS, SIDE_PX
from landslip.datasets.loader import MemorySource, Source, batches
from landslip.datasets.patch_set import stack_patches
from landslip.datasets.store.pack import pack_l4s
from landslip.datasets.store.reading import PatchStore, open_store

BATCH = 16
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--patches", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder and options.folder.parent) as temporary:
        folder = options.folder or make_files(Path(temporary) / "set", options.patches)
        measure(folder, Path(temporary) / "store", options.patches, options.threads)


def measure(folder: Path, place: Path, most: int, threads: int) -> None:
    packed = pack_l4s(folder, place)
    chosen: set[tuple[str, int]] = {(entry.split, entry.id) for entry in islice(packed.store.entries, most)}
    files = open_l4s(folder).where(lambda entry: (entry.split, entry.id) in chosen)
    store = packed.store.where(lambda entry: (entry.split, entry.id) in chosen)
    print(f"{len(store)} patches, batches of {BATCH}, {threads} threads; the store has {packed.share:.1%} of the bytes")

    def feed(source: Source, threads: int = threads) -> Callable[[int], Iterable[object]]:
        return lambda epoch: batches(source, BATCH, seed=1, epoch=epoch, threads=threads)

    # One thread: the HDF5 library lets only one in at a time, and more were measured to be slower.
    checked = feed(files, 1)

    paths = [path for entry in files.entries for path in (entry.image, entry.mask) if path is not None]
    if drop_from_cache(paths):
        print(f"HDF5, checked, cold cache  {len(files) / spent(checked, 0).wall_s:10,.0f} patches/s")
    del store, packed
    if drop_from_cache(sorted(place.iterdir())):
        print(
            f"store, cold cache          {len(files) / spent(feed(part_of(place, chosen)), 0).wall_s:10,.0f} patches/s"
        )
    store = part_of(place, chosen)
    sources = {
        "HDF5, a plain h5py loop": lambda epoch: plain_loop(files, epoch),
        "HDF5, checked": checked,
        "store": feed(store),
        "memory, float32": feed(MemorySource(stack_patches(store))),
    }
    # Turn by turn, so that whatever else the machine does meets all of them.
    turns = [{name: spent(one, turn) for name, one in sources.items()} for turn in range(ROUNDS + 1)][1:]
    print(
        f"{'warm cache, medians':26} {'patches/s':>10} {'by plain HDF5':>14} {'by checked':>11} {'CPU ms a patch':>15}"
    )
    for name in sources:
        ratios = [median(turn[base].wall_s / turn[name].wall_s for turn in turns) for base in islice(sources, 2)]
        speed = median(len(files) / turn[name].wall_s for turn in turns)
        cpu_ms = median(1e3 * turn[name].cpu_s / len(files) for turn in turns)
        print(f"{name:26} {speed:10,.0f} {ratios[0]:13.1f}x {ratios[1]:10.1f}x {cpu_ms:15.3f}")


def part_of(place: Path, chosen: set[tuple[str, int]]) -> PatchStore:
    return open_store(place).where(lambda entry: (entry.split, entry.id) in chosen)


def plain_loop(files: L4sSet, epoch: int) -> Iterable[object]:
    """What most loaders do: one file after the other, cast to float32, nothing checked, nothing in physical units."""
    order = np.random.default_rng((1, epoch)).permutation(len(files))
    for start in range(0, len(order), BATCH):
        images, masks = [], []
        for position in order[start : start + BATCH]:
            entry = files.entries[position]
            with h5py.File(entry.image) as file:
                images.append(file["img"][:].transpose(2, 0, 1).astype(np.float32))
            if entry.mask is not None:
                with h5py.File(entry.mask) as file:
                    masks.append(file["mask"][:])
        yield np.stack(images), masks


class Spent(NamedTuple):
    wall_s: float
    cpu_s: float


def spent(feed: Callable[[int], Iterable[object]], epoch: int) -> Spent:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    for _ in feed(epoch):
        pass
    return Spent(time.perf_counter() - wall_s, time.process_time() - cpu_s)


def drop_from_cache(paths: Sequence[Path]) -> bool:
    """Ask the system to forget what it keeps of some files; False where it cannot be asked."""
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)
    return True


def make_files(folder: Path, patches: int) -> Path:
    """Files of the size of Landslide4Sense's; what they hold does not matter for speed."""
    for part in ("img", "mask"):
        (folder / "TrainData" / part).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(1, patches + 1):
        numbers = rng.integers(0, 4000, (SIDE_PX, SIDE_PX, len(DIVISORS)))
        with h5py.File(folder / f"TrainData/img/image_{number}.h5", "w") as file:
            file["img"] = numbers / DIVISORS
        with h5py.File(folder / f"TrainData/mask/mask_{number}.h5", "w") as file:
            file["mask"] = rng.integers(0, 2, (SIDE_PX, SIDE_PX), np.uint8)
    return folder


if __name__ == "__main__":
    main()
