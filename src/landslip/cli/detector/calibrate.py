"""``landslip detector calibrate``: recalibrate temperature, threshold and polygon confidence."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from landslip.cli.options import PATH, inference_options, output_option, part_options, quiet_option
from landslip.cli.output import check_new_detector, print_next, write_detector
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.datasets.splits import Part
    from landslip.inference.engine import InferenceOptions


@click.command("calibrate")
@click.argument("detector_name", metavar="DETECTOR")
@click.option("--data", required=True, type=PATH, metavar="DATA", help="Labelled patches.")
@part_options
@click.option(
    "--each-scene",
    is_flag=True,
    help="Choose the threshold by the mean F1 of the scenes, not by the F1 of all pixels pooled.",
)
@output_option("The .onnx file to write.", metavar="FILE")
@click.option("--name", metavar="NAME", help="Name of the new detector; default: unchanged.")
@inference_options
@quiet_option
def command(
    detector_name: str,
    data: Path,
    part: "Part",
    each_scene: bool,
    out: Path,
    name: str | None,
    inference: "InferenceOptions",
    quiet: bool,
) -> None:
    """Recalibrate temperature, decision threshold and polygon confidence on labelled patches.

    The scores on the card are replaced by those on these patches, and marked as calibration data: to report accuracy,
    evaluate on other patches.

    \b
    Example:
      landslip detector calibrate mine.onnx --data DATA --scene A -o calibrated.onnx
    """
    from landslip.datasets.formats import open_patches
    from landslip.datasets.splits import Part
    from landslip.detector.detector import Detector
    from landslip.evaluation.evaluate import evaluate
    from landslip.post_training.calibration import CalibrationData, calibrate, card_score, update_card

    detector = Detector.open(detector_name)
    name = check_new_detector(out, name or detector.card.name)
    patches = open_patches(data).where(part.contains)
    scenes = sorted({entry.scene for entry in patches.entries}) if each_scene else []
    parts = [Part(scenes=(scene,), rows=part.rows) for scene in scenes] or [part]
    chosen_on = CalibrationData({f"{data.resolve().name}, {one}": patches.where(one.contains) for one in parts})
    with progress_line(quiet=quiet) as progress:
        made = calibrate(detector, chosen_on, inference, progress=progress)
        scores = [
            card_score(
                evaluate(made, some, options=inference, progress=progress),
                data=title,
                protocol="temperature, threshold and confidence were selected on it",
            )
            for title, some in chosen_on.parts.items()
        ]
    made = update_card(made, name=name, scores=scores)
    write_detector(made, out)
    before, after = detector.card, made.card
    click.echo(f"{out}  {after.threshold_selection}")
    click.echo(f"threshold {before.threshold:g} -> {after.threshold:g}")
    click.echo(f"temperature {before.temperature:g} -> {after.temperature:g}")
    for score in after.scores:
        click.echo(f"F1 {score.f1:.3f}  precision {score.precision:.3f}  recall {score.recall:.3f}  {score.data}")
    print_next("landslip", "evaluate", "DATA", "--detector", out, "--scene", "OTHER")
