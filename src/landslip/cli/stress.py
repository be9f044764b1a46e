"""``landslip stress``: how a detector fares where images differ from those it knows."""

import json
from pathlib import Path

import click


@click.command("stress")
@click.argument("detector", metavar="NAME|FILE")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--only", metavar="NAMES", help="Only these stresses, such as blur,noise; all if left out.")
@click.option("--scene", "scenes", multiple=True, metavar="NAME", help="Only this scene; may be given again.")
@click.option("--rows", metavar="FIRST-LAST", help="Only these rows of patches, such as 50-57.")
@click.option("--threshold", type=float, help="Probability from which a pixel is called landslide; the card's default.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of noise and clouds.")
@click.option("--engine", default="auto", show_default=True, help="auto, openvino, onnxruntime or torch.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program.")
def command(
    *,
    detector: str,
    data: Path,
    output: Path,
    only: str | None,
    scenes: tuple[str, ...],
    rows: str | None,
    threshold: float | None,
    seed: int,
    engine: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Try a detector on DATA changed in every way: size, sampling, blur, noise, haze, clouds, lost channels and more.

    \b
    patch-size        32 to 512 px at once, cut or joined from neighbouring patches
    ground-sampling   5 to 60 m, as it is and brought back to the detector's own
    blur noise brightness haze atmosphere shift clouds rotation lost-channel

    Leaves stress.html, stress.json and a chart of each stress as SVG. A run that was stopped goes on where it was.
    """
    from landslip.cli.progress import progress_bar
    from landslip.datasets.formats import open_patches
    from landslip.datasets.splits import Part, rows_from_text
    from landslip.detector.detector import Detector
    from landslip.evaluation.resolve import data_label
    from landslip.studies.stress.report import write_stress
    from landslip.studies.stress.run import stress_test

    part = Part(scenes=scenes, rows=rows_from_text(rows) if rows else None)
    opened = Detector.open(detector)
    label = data_label(data)
    with progress_bar(quiet=quiet) as watch:
        found = stress_test(
            opened,
            open_patches(data).where(part.holds),
            output,
            data=label if part == Part() else f"{label}, {part}",
            names=[name.strip() for name in (only or "").split(",") if name.strip()],
            threshold=threshold,
            seed=seed,
            engine=engine,
            watch=watch,
        )
    pages = write_stress(found, opened.card, output)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
        return
    click.echo(
        f"{found.detector} at threshold {found.threshold:g} on {found.data}; landslide class, pooled over pixels"
    )
    click.echo(f"\n{'':>18} {'level':>14} {'F1':>7} {'95 % interval':>15} {'at best threshold':>18}")
    for curve in found.curves:
        for point in curve.points:
            interval = f"{point.low:.3f} to {point.high:.3f}"
            level = point.label.split()[0] if point.label else f"{point.level:g}"
            name = f"{curve.stress}{' back' if curve.line.startswith('brought') else ''}"
            name += " mean" if curve.line.endswith("mean") else ""
            click.echo(f"{name:>18} {level:>14} {point.f1:>7.3f} {interval:>15} {point.best_f1:>18.3f}")
    for said in found.left_out:
        click.echo(said)
    click.echo(f"\nLook at {pages[0]}")
