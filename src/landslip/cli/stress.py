"""``landslip stress``: scores of a detector on perturbed images."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landslip.cli.options import (
    PATH,
    inference_options,
    json_option,
    output_option,
    part_options,
    quiet_option,
    split_names,
    threshold_option,
)
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.datasets.splits import Part
    from landslip.inference.engine import InferenceOptions


@click.command("stress")
@click.argument("detector", metavar="DETECTOR")
@click.argument("data", type=PATH)
@output_option("Folder for the results.")
@click.option(
    "--only",
    "names",
    callback=split_names,
    metavar="LIST",
    help="Run these perturbations only, e.g. blur,noise; default: all.",
)
@part_options
@threshold_option
@click.option("--seed", type=int, default=1, metavar="N", help="Random seed of noise and clouds.")
@inference_options
@quiet_option
@json_option
def command(
    detector: str,
    data: Path,
    out: Path,
    names: tuple[str, ...] | None,
    part: "Part",
    threshold: float | None,
    seed: int,
    inference: "InferenceOptions",
    quiet: bool,
    as_json: bool,
) -> None:
    """Stress test: score a detector on perturbed images of labelled patches.

    DETECTOR is a packaged detector or an .onnx file, DATA a data set as for `landslip evaluate`.

    \b
    Perturbations:
      patch-size        32 to 512 px, cut from or joined of neighbouring patches
      ground-sampling   5 to 60 m, as is and resampled to the detector's pixel size
      blur noise brightness haze atmosphere shift clouds rotation lost-channel

    Writes stress.html, stress.json and a chart per perturbation (SVG). Interrupted runs resume.

    \b
    Example:
      landslip stress mine.onnx DATA --only blur,haze -o out/
    """
    from landslip.datasets.formats import open_patches
    from landslip.datasets.splits import Part
    from landslip.detector.detector import Detector
    from landslip.evaluation.predict import data_label
    from landslip.metrics.intervals import format_ends
    from landslip.studies.stress.report import write_stress
    from landslip.studies.stress.run import stress_test

    opened = Detector.open(detector)
    label = data_label(data)
    with progress_line(quiet=quiet) as progress:
        found = stress_test(
            opened,
            open_patches(data).where(part.contains),
            out,
            data=label if part == Part() else f"{label}, {part}",
            names=names or (),
            threshold=threshold,
            seed=seed,
            options=inference,
            progress=progress,
        )
    pages = write_stress(found, opened.card, out)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
        return
    click.echo(
        f"{found.detector} at threshold {found.threshold:g} on {found.data}; landslide class, counts pooled over pixels"
    )
    click.echo(f"\n{'':>18} {'level':>14} {'F1':>7} {'95 % interval':>15} {'at best threshold':>18}")
    for curve in found.curves:
        for point in curve.points:
            interval = format_ends(point.low, point.high)
            level = point.label.split()[0] if point.label else f"{point.level:g}"
            name = f"{curve.stress}{' back' if curve.line.startswith('resampled') else ''}"
            name += " mean" if curve.line.endswith("mean") else ""
            click.echo(f"{name:>18} {level:>14} {point.f1:>7.3f} {interval:>15} {point.best_f1:>18.3f}")
    for reason in found.left_out:
        click.echo(reason)
    click.echo(f"\nreport: {pages[0]}")
