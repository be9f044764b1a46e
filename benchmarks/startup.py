"""Time of mapping a small scene, in whole processes: this source tree against another, alternately.

    git worktree add /tmp/before COMMIT
    python benchmarks/startup.py --against /tmp/before/src [--side 1000] [--rounds 5] [--both=--mask=none ...]

Run it with a Python that has the core installation only, as ``pip install .`` makes it: optional packages that are
installed are imported by others. Maps a square of the example from its valid part. Prints for each round the wall and
processor seconds of both processes and the first digits of the sha256 of ``probability.tif``; then the medians of all
rounds but the first, which compiles Python and fills the cache of compiled networks, and whether the bytes are equal.
``--both`` is added to both commands, ``--option`` to that of this tree only.
"""

import argparse
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import rasterio

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "wayanad" / "wayanad.tif"
_LEFT_OUT = ("OMP_NUM_THREADS", "PYTHONDONTWRITEBYTECODE")
"""Variables that would change the number of threads, or the time of imports."""


def cut_scene(path: Path, side: int) -> None:
    """Write a square of the example, repeated by reflection."""
    with rasterio.open(EXAMPLE) as example:
        values = np.pad(example.read(), ((0, 0), (0, side), (0, side)), mode="symmetric")[:, :side, :side]
        with rasterio.open(path, "w", **example.profile | {"width": side, "height": side}) as scene:
            scene.write(values)
            scene.descriptions = example.descriptions


def run(source: Path, scene: Path, out: Path, options: list[str], cache: Path) -> tuple[float, float, str]:
    """Map a scene with the code of a source tree; return wall and processor seconds, and the hash of the raster."""
    command = [sys.executable, "-m", "landslip", "map", scene, "-o", out, "-q", *options]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    environment = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    environment |= {"PYTHONPATH": str(source), "LANDSLIP_CACHE": str(cache)}
    subprocess.run(list(map(str, command)), check=True, env=environment, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return perf_counter() - start, busy, hashlib.sha256((out / "probability.tif").read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, required=True, help="folder src of the other tree")
    parser.add_argument("--side", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--both", action="append", default=[])
    parser.add_argument("--option", action="append", default=[])
    given = parser.parse_args()
    trees = {"other": (given.against, given.both), "this": (ROOT / "src", given.both + given.option)}
    told: dict[str, list[tuple[float, float]]] = {name: [] for name in trees}
    hashes: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder) / "scene.tif"
        cut_scene(scene, given.side)
        for number in range(given.rounds):
            for name, (source, options) in trees.items():
                out = Path(folder) / f"{name}-{number}"
                wall, busy, sha256 = run(source, scene, out, options, Path(folder) / "cache")
                told[name].append((wall, busy))
                hashes.add(sha256)
                print(f"{name:<6} wall {wall:6.2f} s, processor {busy:6.2f} s, {sha256[:8]}", flush=True)
    for position, what in enumerate(("wall", "processor")):
        one, other = (median(row[position] for row in told[name][1:]) for name in ("this", "other"))
        print(f"median {what} time: {one:.2f} s, other tree {other:.2f} s, ratio {one / other:.2f}")
    print("probability.tif:", "equal" if len(hashes) == 1 else "differs")


if __name__ == "__main__":
    main()
