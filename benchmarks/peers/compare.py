"""Map one scene with the same weights with landslip, geoai and terratorch: wall time, peak memory and F1.

    python benchmarks/peers/compare.py --data L4S-RGB --run RUN/ --peers PEERS/ [--rounds 2]

README.md tells how to make RUN and PEERS. Every run is a whole process; they take turns, and the best round counts.
"""

import argparse
import json
import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
import psutil
import rasterio
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from landslip.channels import TRUE_COLOUR
from landslip.datasets.formats import open_patches
from landslip.datasets.splits import Part
from landslip.detector.detector import Detector
from landslip.inference.cpu import cpu_instructions, cpu_name
from landslip.probability import LANDSLIDE, NODATA

PATCH_PX = 128
HELD_OUT = Part(scenes=("A",), rows=(49, 57))
HERE = Path(__file__).parent
_LEFT_OUT = ("OMP_NUM_THREADS", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
"""Variables that would change the number of threads, the code that runs, or the time of imports."""
_INSTRUCTIONS = ("avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")


@dataclass(frozen=True, slots=True)
class Run:
    """One process that mapped the scene."""

    wall_s: float
    cpu_s: float
    """Of all threads: other processes on the machine change it less than wall time."""
    peak_mb: float
    """Of the process and its children together."""


def make_scene(path: Path, data: Path, side_px: int) -> NDArray[np.uint8]:
    """Write the scene of held-out patches and return their masks on it, (side_px, side_px)."""
    patches = open_patches(data).where(HELD_OUT.contains)
    side = min(int(np.sqrt(len(patches))), side_px // PATCH_PX)
    image = np.zeros((3, side * PATCH_PX, side * PATCH_PX), np.uint16)
    mask = np.zeros(image.shape[1:], np.uint8)
    for number, patch in zip(range(side * side), patches, strict=False):
        row, col = (PATCH_PX * one for one in divmod(number, side))
        # 0 is nodata in the file.
        image[:, row : row + PATCH_PX, col : col + PATCH_PX] = np.maximum(patch.select(TRUE_COLOUR).round(), 1)
        mask[row : row + PATCH_PX, col : col + PATCH_PX] = patch.mask
    beyond = (0, side_px - len(mask))
    image, mask = np.pad(image, ((0, 0), beyond, beyond), "symmetric"), np.pad(mask, beyond, "symmetric")
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=side_px,
        height=side_px,
        count=3,
        dtype="uint16",
        nodata=0,
        crs="EPSG:32651",
        transform=rasterio.Affine(10, 0, 300_000, 0, -10, 2_500_000),
        tiled=True,
        blockxsize=512,
        blockysize=512,
        compress="deflate",
        predictor=2,
    ) as scene:
        scene.write(image)
        scene.descriptions = TRUE_COLOUR
    print(f"scene: {side * side} patches of {HELD_OUT}, repeated by reflection to {side_px} x {side_px} px")
    return mask


def write_network(folder: Path, run: Path, detector: Detector) -> None:
    """Write what ``network.py`` reads: the weights of the network, and its normalisation."""
    weights = {name.removeprefix("body."): one for name, one in load_file(run / "weights.safetensors").items()}
    statistics = {name: one for name, one in weights.items() if name.startswith("normalise.")}
    save_file({name: one for name, one in weights.items() if name not in statistics}, folder / "weights.safetensors")
    facts: dict[str, float | list[float]] = {
        name.removeprefix("normalise."): one.ravel().tolist() for name, one in statistics.items()
    }
    facts["temperature"] = detector.card.temperature
    (folder / "normalisation.json").write_text(json.dumps(facts))


def run_process(command: list[str]) -> Run:
    """Run a command and watch the resident memory of its process and their children."""
    environment = {name: one for name, one in os.environ.items() if name not in _LEFT_OUT}
    before, start, peak = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter(), 0
    process = psutil.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while process.poll() is None:
        try:
            tree = [process, *process.children(recursive=True)]
            peak = max(peak, sum(one.memory_info().rss for one in tree))
        except psutil.NoSuchProcess:
            continue
        sleep(0.02)
    wall_s = perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{command[0]} failed:\n{process.stderr.read().decode()[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall_s, cpu_s, peak / 1e6)


def f1_of(path: Path, mask: NDArray[np.uint8], threshold: float) -> float:
    """Score a probability raster: F1 of the landslide class over all labelled pixels."""
    with rasterio.open(path) as raster:
        probability = raster.read(1) * np.float32(raster.scales[0])
    found, truth = probability >= threshold - 1e-6, mask == LANDSLIDE
    known = mask != NODATA
    return float(2 * (found & truth & known).sum() / ((found & known).sum() + (truth & known).sum()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True, help="folder of the run, with the int8 variant")
    parser.add_argument("--peers", type=Path, required=True, help="folder with an environment for each of the three")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--side", type=int, default=4096, help="of the scene in pixels")
    parser.add_argument("--only", action="append", help="a row by its name; may be repeated")
    given = parser.parse_args()
    file = given.run / "resnet34-rgb.onnx"
    detector = Detector.open(file)
    has = [name for name in _INSTRUCTIONS if name in (cpu_instructions() or ())]
    print(f"{cpu_name()} ({' '.join(has)}), {os.cpu_count()} cores; {detector.card.architecture}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        scene = folder / "scene.tif"
        mask = make_scene(scene, given.data, given.side)
        write_network(folder, given.run, detector)

        def landslip(precision: str) -> Callable[[Path], tuple[list[str], Path]]:
            def command(out: Path) -> tuple[list[str], Path]:
                words = [
                    given.peers / "landslip" / "bin" / "landslip",
                    "map",
                    scene,
                    "-o",
                    out,
                    "--detector",
                    file,
                    "-q",
                ]
                return [*map(str, words), "--precision", precision, "--overwrite"], out / "probability.tif"

            return command

        def peer(name: str) -> Callable[[Path], tuple[list[str], Path]]:
            def command(out: Path) -> tuple[list[str], Path]:
                python, script = given.peers / name / "bin" / "python", HERE / f"run_{name}.py"
                return [*map(str, (python, script, folder, scene, out.with_suffix(".tif")))], out.with_suffix(".tif")

            return command

        rows = {f"landslip {one}": landslip(one) for one in ("auto", "bfloat16", "float32")}
        rows |= {name: peer(name) for name in ("geoai", "terratorch")}
        rows = {name: make for name, make in rows.items() if not given.only or name in given.only}
        runs: dict[str, list[Run]] = {name: [] for name in rows}
        f1: dict[str, float] = {}
        for _ in range(given.rounds):
            for name, make in rows.items():
                command, raster = make(folder / name.replace(" ", "-"))
                runs[name].append(run_process(command))
                f1[name] = f1_of(raster, mask, detector.card.threshold)
                one = runs[name][-1]
                print(
                    f"{name:<20} {one.wall_s:7.1f} s, processor {one.cpu_s:7.1f} s, {one.peak_mb:7.0f} MB", flush=True
                )
    _print_table(rows, runs, f1)


def _print_table(rows: Iterable[str], runs: dict[str, list[Run]], f1: dict[str, float]) -> None:
    """Print the best round of each; ratios are to the best peer in that column."""
    best = {
        name: [min(getattr(one, field) for one in told) for field in ("wall_s", "cpu_s", "peak_mb")]
        for name, told in runs.items()
    }
    peers = [name for name in rows if not name.startswith("landslip")] or list(rows)
    least = [min(best[name][column] for name in peers) for column in range(3)]
    print(f"{'':<20}{'wall s':>9}{'ratio':>7}{'CPU s':>9}{'ratio':>7}{'MB':>8}{'ratio':>7}{'F1':>9}")
    for name in rows:
        wall_s, cpu_s, peak_mb = best[name]
        print(
            f"{name:<20}{wall_s:>9.1f}{least[0] / wall_s:>7.2f}{cpu_s:>9.1f}{least[1] / cpu_s:>7.2f}"
            f"{peak_mb:>8.0f}{peak_mb / least[2]:>7.2f}{f1[name]:>9.4f}"
        )


if __name__ == "__main__":
    main()
