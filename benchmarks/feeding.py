"""Measure loading from HDF5 files, from a store and from memory, in patches per second.

    python benchmarks/feeding.py [DIR] [--patches 512]

DIR is a Landslide4Sense folder; without one, files of the same size are made in a temporary folder. "cold cache" is the
first epoch after the files were dropped from the cache of the operating system, if it allows that.
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


def measure(folder: Path, store_folder: Path, count: int, threads: int) -> None:
    packed = pack_l4s(folder, store_folder)
    chosen: set[tuple[str, int]] = {(entry.split, entry.id) for entry in islice(packed.store.entries, count)}
    files = open_l4s(folder).where(lambda entry: (entry.split, entry.id) in chosen)
    store = packed.store.where(lambda entry: (entry.split, entry.id) in chosen)
    print(
        f"{len(store)} patches, batches of {BATCH}, {threads} threads; "
        f"the store has {packed.size_ratio:.1%} of the bytes"
    )

    def feed(source: Source, threads: int = threads) -> Callable[[int], Iterable[object]]:
        return lambda epoch: batches(source, BATCH, seed=1, epoch=epoch, threads=threads)

    # The HDF5 library runs one thread at a time; more threads were slower.
    checked = feed(files, 1)

    paths = [path for entry in files.entries for path in (entry.image, entry.mask) if path is not None]
    if drop_from_cache(paths):
        print(f"HDF5, checked, cold cache  {len(files) / time_epoch(checked, 0).wall_s:10,.0f} patches/s")
    del store, packed
    if drop_from_cache(sorted(store_folder.iterdir())):
        cold = time_epoch(feed(open_part(store_folder, chosen)), 0)
        print(f"store, cold cache          {len(files) / cold.wall_s:10,.0f} patches/s")
    store = open_part(store_folder, chosen)
    sources = {
        "HDF5, a plain h5py loop": lambda epoch: plain_loop(files, epoch),
        "HDF5, checked": checked,
        "store": feed(store),
        "memory, float32": feed(MemorySource(stack_patches(store))),
    }
    # Alternating rounds, so that other load on the machine affects all sources alike.
    rounds = [{name: time_epoch(source, epoch) for name, source in sources.items()} for epoch in range(ROUNDS + 1)][1:]
    print(f"{'warm cache, medians':26} {'patches/s':>10} {'to plain HDF5':>14} {'to checked':>11} {'CPU ms/patch':>15}")
    for name in sources:
        ratios = [median(times[base].wall_s / times[name].wall_s for times in rounds) for base in islice(sources, 2)]
        speed = median(len(files) / times[name].wall_s for times in rounds)
        cpu_ms = median(1e3 * times[name].cpu_s / len(files) for times in rounds)
        print(f"{name:26} {speed:10,.0f} {ratios[0]:13.1f}x {ratios[1]:10.1f}x {cpu_ms:15.3f}")


def open_part(store_folder: Path, chosen: set[tuple[str, int]]) -> PatchStore:
    return open_store(store_folder).where(lambda entry: (entry.split, entry.id) in chosen)


def plain_loop(files: L4sSet, epoch: int) -> Iterable[object]:
    """Load as most scripts do: file by file, cast to float32, without checks or physical units."""
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


class Times(NamedTuple):
    wall_s: float
    cpu_s: float


def time_epoch(feed: Callable[[int], Iterable[object]], epoch: int) -> Times:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    for _ in feed(epoch):
        pass
    return Times(time.perf_counter() - wall_s, time.process_time() - cpu_s)


def drop_from_cache(paths: Sequence[Path]) -> bool:
    """Drop files from the cache of the operating system; False if it has no such call."""
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)
    return True


def make_files(folder: Path, patches: int) -> Path:
    """Write files of the layout and size of Landslide4Sense with random content."""
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
