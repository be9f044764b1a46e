"""Compare workers of a Dask cluster on this machine, one thread each, with one process with one thread.

    python benchmarks/cluster.py [--workers 2] [--side 8192] [--precision float32]

Maps the example of one image, repeated, with the default detector by the command line: with
`--threads 1` on one core (where `taskset` is there), with `--threads 1` on all cores, so that reading and writing run
beside the network, and with `--cluster local:N`. Prints the seconds of the map (`wall_s` of its summary) and of the
whole command, which includes starting the workers; the processor seconds of all its processes, which other load on the
machine changes less; and whether the files are the same to the byte.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import rasterio

import whole_tile

SAME = ("probability.tif", "landslides.parquet", "overview.png")


def run(name: str, scene: Path, out: Path, options: list[str], prefix: list[str]) -> tuple[float, float]:
    """Map a scene; returns the seconds of the map and the processor seconds of the command."""
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [*prefix, sys.executable, "-m", "landslip", "map", str(scene), "-o", str(out), "--quiet", *options]
    subprocess.run(command, check=True)
    whole_s, spent = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime
    summary = json.loads((out / "summary.json").read_text())
    print(
        f"{name:<36}{summary['wall_s']:8.1f} s map{whole_s:8.1f} s command{cpu_s:8.1f} s processor"
        f"{summary['network_s']:8.1f} s network, "
        f"{summary['engine']} {summary['settings']['precision']}",
        flush=True,
    )
    return float(summary["wall_s"]), cpu_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--block", default="1024")
    given = parser.parse_args()
    common = ["--engine", "openvino", "--precision", given.precision, "--block", given.block]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with rasterio.open(whole_tile.EXAMPLE) as file:
            values = file.read([1, 2, 3])
        scene = folder / "scene.tif"
        whole_tile.write_tile(scene, values, given.side)
        pinned = ["taskset", "-c", "0"] if shutil.which("taskset") else []
        one, one_cpu = run("one process, 1 thread, 1 core", scene, folder / "one", [*common, "--threads", "1"], pinned)
        free, _ = run("one process, 1 thread, all cores", scene, folder / "free", [*common, "--threads", "1"], [])
        target = f"local:{given.workers}"
        many, many_cpu = run(
            f"{given.workers} workers, 1 thread each", scene, folder / "many", [*common, "--cluster", target], []
        )
        print(f"{one / many:.2f} times as fast as on one core, {free / many:.2f} times as one thread on all cores")
        print(f"{many_cpu / one_cpu:.2f} times the processor seconds of one process on one core")
        for name in SAME:
            same = (folder / "one" / name).read_bytes() == (folder / "many" / name).read_bytes()
            print(f"{name}: {'the same bytes' if same else 'DIFFERENT'}")


if __name__ == "__main__":
    main()
