"""``landslip detector quantise``: quantise a detector to int8."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landslip.cli.options import PATH, part_options, quiet_option
from landslip.cli.output import align, check_new_detector, print_next, write_detector
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.datasets.patch_set import PatchSet
    from landslip.datasets.splits import Part
    from landslip.detector.detector import Detector


@click.command("quantise")
@click.argument("detector_name", metavar="DETECTOR")
@click.option("--data", required=True, type=PATH, metavar="DATA", help="Labelled patches.")
@part_options
@click.option(
    "--held-out",
    "held_out",
    multiple=True,
    metavar="SCENE[:ROWS]",
    help="Check parity on these patches of DATA, e.g. A:50-57; may be repeated. Give patches that were not used in "
    "training. Default: the last third of each scene.",
)
@click.option("-o", "--out", type=PATH, metavar="FILE", help="The .onnx file to write.")
@click.option(
    "--beside",
    is_flag=True,
    help="Write the int8 variant and the record of all precisions beside the detector, for --precision auto; "
    "needs --held-out.",
)
@click.option("--name", metavar="NAME", help="Name of the new detector; default: that of the file.")
@quiet_option
def command(
    detector_name: str,
    data: Path,
    part: "Part",
    held_out: tuple[str, ...],
    out: Path | None,
    beside: bool,
    name: str | None,
    quiet: bool,
) -> None:
    """Quantise a detector to int8 for faster mapping on CPUs (docs/engines.md).

    The patches calibrate the ranges of the activations; others are held out. No int8 file is written unless F1 on the
    held-out patches is that of float32 within 0.005, for all landslides and for those under 10 px wide, in OpenVINO
    and in ONNX Runtime.

    \b
    Example:
      landslip detector quantise s2-rgb --data DATA --scene A --rows 0-43 -o int8.onnx
      landslip detector quantise mine.onnx --data DATA --scene A --rows 0-43 --held-out A:50-57 --beside
    """
    from landslip.datasets.formats import open_patches
    from landslip.detector.detector import Detector
    from landslip.errors import OutputError
    from landslip.post_training.quantisation import quantise

    if (out is None) != beside:
        raise OutputError("give either the file to write (-o) or --beside", parameter="out")
    detector = Detector.open(detector_name)
    every = open_patches(data)
    patches, source = every.where(part.contains), data.resolve().name
    kept, kept_name = _held_out(every, held_out, source)
    if out is None:
        _write_beside(detector_name, detector, (patches, f"{source}, {part}"), (kept, kept_name), quiet)
        return
    name = check_new_detector(out, name)
    with progress_line(quiet=quiet) as progress:
        made = quantise(
            detector,
            patches,
            f"{source}, {part}",
            held_out=kept,
            held_out_name=kept_name,
            name=name,
            progress=progress,
        )
    write_detector(made, out)
    record = made.card.quantisation
    if record is None:
        return
    click.echo(f"{out}  {record.layers} layers in int8, {detector.size_mb:.1f} -> {made.size_mb:.1f} MB")
    click.echo(f"in float: {', '.join(record.float_layers)}")
    click.echo(f"held out: {record.held_out}")
    rows = [
        (one.engine, one.f1_int8, one.f1_float32, one.narrow_f1_int8, one.narrow_f1_float32, one.mean_difference)
        for one in record.parity
    ]
    _print_table(record.narrow_px, rows)
    print_next("landslip", "map", "SCENE", "--detector", out, "-o", "map/")


def _held_out(every: "PatchSet[Any]", texts: tuple[str, ...], source: str) -> "tuple[PatchSet[Any] | None, str | None]":
    """Select the held-out patches; None where none are named."""
    from landslip.datasets.splits import Part, rows_from_text
    from landslip.errors import PatchesError

    if not texts:
        return None, None
    parts = []
    for text in texts:
        scene, _, rows = text.partition(":")
        parts.append(Part(scenes=(scene,), rows=rows_from_text(rows) if rows else None))
    kept = every.where(lambda entry: any(part.contains(entry) for part in parts))
    if not len(kept):
        raise PatchesError(f"no patch of {source} is in {', '.join(texts)}: give other scenes or rows")
    return kept, f"{source}, {', '.join(map(str, parts))}"


def _write_beside(
    detector_name: str,
    detector: "Detector",
    patches: "tuple[PatchSet[Any], str]",
    held_out: "tuple[PatchSet[Any] | None, str | None]",
    quiet: bool,
) -> None:
    from landslip.detector.detector import find
    from landslip.errors import PatchesError
    from landslip.post_training.precision_record import measure_precisions, write_precisions

    kept, kept_name = held_out
    if kept is None or kept_name is None:
        raise PatchesError("--beside needs patches that were not used in training: give them with --held-out")
    with progress_line(quiet=quiet) as progress:
        measured = measure_precisions(detector, *patches, kept, kept_name, progress=progress)
    for path in write_precisions(measured, find(detector_name)):
        click.echo(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    record = measured.record
    click.echo(f"held out: {record.held_out}: {record.patches} patches")
    rows = [
        (
            f"{one.engine} {one.precision}{'' if one.holds(record.max_f1_difference) else ' (not allowed)'}",
            one.f1,
            one.f1_float32,
            one.narrow_f1,
            one.narrow_f1_float32,
            one.mean_difference,
        )
        for one in record.parity
    ]
    if rows:
        _print_table(record.narrow_px, rows)
    if record.int8_failure:
        click.echo(f"no int8 variant: {record.int8_failure}")
    print_next("landslip", "map", "SCENE", "--detector", detector_name, "-o", "map/")


def _print_table(narrow_px: int, rows: list[tuple[str, float, float, float, float, float]]) -> None:
    head = ("", "F1", "F1 float32", f"F1 under {narrow_px} px", "float32", "mean difference")
    texts = [(label, *(f"{value:.4f}" for value in f1), f"{mean:.5f}") for label, *f1, mean in rows]
    for line in align([head, *texts]):
        click.echo(line)
