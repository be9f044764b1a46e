"""Time of mapping a small scene, in whole processes: this source tree against another, alternately.

    git worktree add /tmp/before COMMIT
    python benchmarks/startup.py --against /tmp/before/src [--side 1000] [--rounds 5] [--option=--mask=none ...]

Maps a square of the example from its valid part. Prints for each round the wall and processor seconds of both processes
and the first digits of the sha256 of ``probability.tif``; then the medians, and whether the bytes are equal.
``--option`` is added to the command of this tree only, for options that the other does not have.
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

import rasterio
from rasterio.windows import Window

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "chittagong" / "chittagong.tif"


def cut_scene(path: Path, side: int) -> None:
    """Write a square of the example."""
    with rasterio.open(EXAMPLE) as example:
        window = Window(min(128, example.width - side), max(0, example.height - side), side, side)
        profile = example.profile | {"width": side, "height": side, "transform": example.window_transform(window)}
        with rasterio.open(path, "w", **profile) as scene:
            scene.write(example.read(window=window))
            scene.descriptions = example.descriptions


def run(source: Path, scene: Path, out: Path, options: list[str]) -> tuple[float, float, str]:
    """Map a scene with the code of a source tree; return wall and processor seconds, and the hash of the raster."""
    command = [sys.executable, "-m", "landslip", "map", scene, "-o", out, "-q", "--precision", "float32", *options]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    subprocess.run(
        list(map(str, command)), check=True, env=os.environ | {"PYTHONPATH": str(source)}, stderr=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return perf_counter() - start, busy, hashlib.sha256((out / "probability.tif").read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, required=True, help="folder src of the other tree")
    parser.add_argument("--side", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--option", action="append", default=[])
    given = parser.parse_args()
    trees = {"other": (given.against, []), "this": (ROOT / "src", given.option)}
    told: dict[str, list[tuple[float, float, str]]] = {name: [] for name in trees}
    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder) / "scene.tif"
        cut_scene(scene, given.side)
        for number in range(given.rounds):
            for name, (source, options) in trees.items():
                wall, busy, sha256 = run(source, scene, Path(folder) / f"{name}-{number}", options)
                told[name].append((wall, busy, sha256))
                print(f"{name:<6} wall {wall:6.2f} s, processor {busy:6.2f} s, {sha256[:8]}", flush=True)
    for position, what in enumerate(("wall", "processor")):
        one, other = (median(row[position] for row in told[name]) for name in ("this", "other"))
        print(f"median {what} time: {one:.2f} s, other tree {other:.2f} s, ratio {one / other:.2f}")
    print("probability.tif:", "equal" if len({row[2] for rows in told.values() for row in rows}) == 1 else "differs")


if __name__ == "__main__":
    main()
