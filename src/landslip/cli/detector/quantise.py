"""``landslip detector quantise``: quantise a detector to int8."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from landslip.cli.options import PATH, output_option, part_options, quiet_option
from landslip.cli.output import align, check_new_detector, print_next, write_detector
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.datasets.splits import Part


@click.command("quantise")
@click.argument("detector_name", metavar="DETECTOR")
@click.option("--data", required=True, type=PATH, metavar="DATA", help="Labelled patches.")
@part_options
@output_option("The .onnx file to write.", metavar="FILE")
@click.option("--name", metavar="NAME", help="Name of the new detector; default: that of the file.")
@quiet_option
def command(detector_name: str, data: Path, part: "Part", out: Path, name: str | None, quiet: bool) -> None:
    """Quantise a detector to int8 for faster mapping on CPUs (docs/engines.md).

    Two thirds of each scene calibrate the ranges of the activations, the last third is held out. Nothing is written
    unless F1 on the held-out patches is that of float32 within 0.005, for all landslides and for those under 10 px
    wide, in OpenVINO and in ONNX Runtime.

    \b
    Example:
      landslip detector quantise s2-rgb --data DATA --scene A --rows 0-43 -o int8.onnx
    """
    from landslip.datasets.formats import open_patches
    from landslip.detector.detector import Detector
    from landslip.post_training.quantisation import quantise

    detector = Detector.open(detector_name)
    name = check_new_detector(out, name)
    patches = open_patches(data).where(part.contains)
    with progress_line(quiet=quiet) as progress:
        made = quantise(detector, patches, f"{data.resolve().name}, {part}", name=name, progress=progress)
    write_detector(made, out)
    record = made.card.quantisation
    if record is None:
        return
    click.echo(f"{out}  {record.layers} layers in int8, {detector.size_mb:.1f} -> {made.size_mb:.1f} MB")
    click.echo(f"in float: {', '.join(record.float_layers)}")
    click.echo(f"held out: {record.held_out}")
    head = ("", "F1", "F1 float32", f"F1 under {record.narrow_px} px", "float32", "mean difference")
    rows = [
        (
            one.engine,
            f"{one.f1_int8:.4f}",
            f"{one.f1_float32:.4f}",
            f"{one.narrow_f1_int8:.4f}",
            f"{one.narrow_f1_float32:.4f}",
            f"{one.mean_difference:.5f}",
        )
        for one in record.parity
    ]
    for line in align([head, *rows]):
        click.echo(line)
    print_next("landslip", "map", "SCENE", "--detector", out, "--precision", "auto", "-o", "map/")
