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

import h5py
import numpy as np

from landslip.patches.feed import MemorySource, Source, batches
from landslip.patches.l4s import L4sSet, open_l4s
from landslip.patches.l4s_channels import DIVISORS, SIDE_PX
from landslip.patches.patch import stack_patches
from landslip.patches.store import PatchStore, open_store
from landslip.patches.store.pack import pack_l4s

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

    def feed(source: Source) -> Callable[[int], Iterable[object]]:
        return lambda epoch: batches(source, BATCH, seed=1, epoch=epoch, threads=threads)

    paths = [path for entry in files.entries for path in (entry.image, entry.mask) if path is not None]
    if drop_from_cache(paths):
        print(f"HDF5, checked, cold cache  {rate(feed(files), 0, len(files)):10,.0f} patches/s")
    del store, packed
    if drop_from_cache(sorted(place.iterdir())):
        print(f"store, cold cache          {rate(feed(part_of(place, chosen)), 0, len(files)):10,.0f} patches/s")
    store = part_of(place, chosen)
    sources = {
        "HDF5, a plain h5py loop": lambda epoch: plain_loop(files, epoch),
        "HDF5, checked": feed(files),
        "store": feed(store),
        "memory, float32": feed(MemorySource(stack_patches(store))),
    }
    # Turn by turn, so that whatever else the machine does meets all of them.
    rounds = [{name: rate(one, epoch, len(files)) for name, one in sources.items()} for epoch in range(ROUNDS + 1)][1:]
    print(f"{'warm cache, median':26} {'patches/s':>10} {'by plain HDF5':>14} {'by checked':>11}")
    for name in sources:
        ratios = [median(one[name] / one[base] for one in rounds) for base in islice(sources, 2)]
        speed = median(one[name] for one in rounds)
        print(f"{name:26} {speed:10,.0f} {ratios[0]:13.1f}x {ratios[1]:10.1f}x")


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


def rate(feed: Callable[[int], Iterable[object]], epoch: int, patches: int) -> float:
    started = time.perf_counter()
    for _ in feed(epoch):
        pass
    return patches / (time.perf_counter() - started)


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
