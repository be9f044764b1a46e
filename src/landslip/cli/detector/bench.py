"""``landslip detector bench``: time the engines on this machine."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landslip.cli.options import PATH, json_option, part_options, quiet_option
from landslip.cli.output import align, print_next
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.datasets.patch_set import PatchSet
    from landslip.datasets.splits import Part
    from landslip.detector.detector import Detector
    from landslip.files.progress import Progress
    from landslip.inference.benchmark import EngineTiming


@click.command("bench")
@click.argument("detector", metavar="[DETECTOR]", required=False)
@click.option("--patches", type=click.IntRange(1), default=32, metavar="N", help="Number of patches per round.")
@click.option("--threads", type=click.IntRange(1), metavar="N", help="CPU threads; default: all cores.")
@click.option("--data", type=PATH, metavar="DATA", help="Labelled patches: print F1 beside speed.")
@part_options
@click.option(
    "--limits/--no-limits",
    default=True,
    help="Measure peak memory, in a process for each row, and this machine's rate at convolutions.",
)
@click.option("--chart", type=PATH, metavar="FILE.png", help="Draw the speeds as a chart.")
@quiet_option
@json_option
def command(
    detector: str | None,
    patches: int,
    threads: int | None,
    data: Path | None,
    part: "Part",
    limits: bool,
    chart: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Time every installed engine in each precision on synthetic input, best of several alternating rounds.

    Mpx/s and km2/s are those of a scene: the overlap of tiles counts once. The share of the peak is that of the
    network's convolutions per second of CPU time, of what a chain of 3 x 3 convolutions reaches. On a machine
    under other load, only the ratios between rows are meaningful.

    \b
    Example:
      landslip detector bench --data examples/l4s-rgb-kept-apart --chart bench.png
    """
    from landslip.detector.detector import DEFAULT, Detector
    from landslip.errors import OutputError
    from landslip.inference.benchmark import ROUNDS, time_engines
    from landslip.inference.cpu import cpu_name

    if chart is not None and chart.suffix != ".png":
        raise OutputError(f"the file of a chart must end in .png, got {chart}", parameter="chart")
    opened = Detector.open(detector or DEFAULT)
    # Before the engines are timed, which takes a minute.
    labelled = None
    if data is not None:
        labelled = _open_part(data, part)
    with progress_line(quiet=quiet) as progress:
        timed, left = time_engines(opened, patches, threads=threads, peaks=limits, progress=progress)
        rows = [asdict(one) for one in timed]
        if limits:
            _add_limits(opened, rows, threads, progress)
        if labelled is not None:
            _add_scores(opened, rows, threads, labelled, progress)
    size = opened.card.tile_px
    if chart is not None:
        _draw(opened, timed, rows, chart)
    if as_json:
        facts = {"detector": opened.card.name, "tile_px": size, "cpu": cpu_name(), "threads": threads}
        click.echo(json.dumps(facts | {"engines": rows, "left": left}, indent=2))
        return
    click.echo(
        f"{opened.card.name} ({opened.card.architecture}), {patches} patches of {size} x {size} px, {cpu_name()}, "
        f"best of {ROUNDS} rounds"
    )
    for line in align(_table(rows)):
        click.echo(line)
    for reason in left:
        click.echo(f"not run: {reason}")
    if chart is not None:
        click.echo(f"chart: {chart}")
    fastest = max(timed, key=lambda one: one.patches_per_s)
    print_next("landslip", "map", "SCENE", "--engine", fastest.engine, "-o", "map/")


def _add_limits(detector: "Detector", rows: list[dict[str, Any]], threads: int | None, progress: "Progress") -> None:
    """Add peak memory and the share of the measured peak to each row."""
    from landslip.files.progress import track
    from landslip.inference.engine import InferenceOptions, choose_precision
    from landslip.inference.peak_memory import measure_peak_memory_mb

    size = detector.card.tile_px
    for row in track(rows, progress, "measuring memory", len(rows)):
        name, precision = row["engine"], row["precision"]
        options = InferenceOptions(name, precision, threads)
        file = choose_precision(detector, name, precision)[0] if precision == "int8" else detector
        row["peak_memory_mb"] = measure_peak_memory_mb(file, options, height=size, width=size)
        peak = row["convolution_peak_per_cpu_s"]
        row["share_of_peak"] = row["operations_per_cpu_s"] / peak if peak else None


def _open_part(data: Path, part: "Part") -> "PatchSet[Any]":
    """Open labelled patches, of which at least one must be in the part."""
    from landslip.datasets.formats import open_patches
    from landslip.errors import PatchesError

    patches = open_patches(data).where(part.contains)
    if not len(patches):
        raise PatchesError(f"no patch of {data} is in {part}: give other scenes or rows", parameter="data")
    return patches


def _add_scores(
    detector: "Detector",
    rows: list[dict[str, Any]],
    threads: int | None,
    patches: "PatchSet[Any]",
    progress: "Progress",
) -> None:
    """Add F1 on labelled patches to each row."""
    from landslip.inference.engine import InferenceOptions
    from landslip.post_training.precision_parity import score_precision

    for row in rows:
        options = InferenceOptions(row["engine"], row["precision"], threads)
        row["f1"], row["narrow_f1"] = score_precision(detector, options, patches, progress)


def _table(rows: list[dict[str, Any]]) -> list[list[str]]:
    slowest = min(row["patches_per_s"] for row in rows)
    head = ["", "patches/s", "ratio", "ms alone", "Mpx/s", "km2/s", "largest difference"]
    head += ["memory MB", "of peak"] if "share_of_peak" in rows[0] else []
    head += ["F1", "narrow F1"] if "f1" in rows[0] else []
    table = [head]
    for row in rows:
        cells = [
            f"{row['engine']} {row['version']} {row['precision']}",
            f"{row['patches_per_s']:.1f}",
            f"{row['patches_per_s'] / slowest:.2f}",
            f"{row['latency_ms']:.1f}",
            f"{row['mpx_per_s']:.2f}",
            f"{row['km2_per_s']:.0f}",
            f"{row['largest_difference']:.1e}",
        ]
        if "share_of_peak" in row:
            memory, share = row["peak_memory_mb"], row["share_of_peak"]
            cells += ["" if memory is None else f"{memory:.0f}", "" if share is None else f"{share:.0%}"]
        if "f1" in row:
            cells += [f"{row['f1']:.4f}", f"{row['narrow_f1']:.4f}"]
        table.append(cells)
    return table


def _draw(detector: "Detector", timed: "tuple[EngineTiming, ...]", rows: list[dict[str, Any]], path: Path) -> None:
    from landslip.figures.speed_chart import Bar, draw_bars
    from landslip.inference.cpu import cpu_name

    bars = [
        Bar(
            f"{one.engine} {one.precision}",
            one.patches_per_s,
            f"{one.patches_per_s:.0f}" + (f", F1 {row['f1']:.3f}" if "f1" in row else ""),
        )
        for one, row in zip(timed, rows, strict=True)
    ]
    title = f"{detector.card.name} on {cpu_name()}"
    draw_bars(bars, path, title=title, label=f"patches of {detector.card.tile_px} px per second")
