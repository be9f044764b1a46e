"""``landslip detector ensemble``: average detectors, or test-time augmentations of one."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from landslip.cli.options import inference_options, output_option
from landslip.cli.output import check_new_detector, print_next, write_detector

if TYPE_CHECKING:
    from landslip.inference.engine import InferenceOptions
    from landslip.inference.tta import TTA


@click.command("ensemble")
@click.argument("detectors", metavar="DETECTOR...", nargs=-1, required=True)
@output_option("The .onnx file to write.", metavar="FILE")
@click.option(
    "--tta",
    type=click.Choice(["none", "flips", "d4"]),
    default="none",
    help="Test-time augmentation: average over 4 flips, or all 8 D4 transforms.",
)
@click.option("--name", metavar="NAME", help="Name of the new detector; default: that of the file.")
@inference_options
def command(detectors: tuple[str, ...], out: Path, tta: "TTA", name: str | None, inference: "InferenceOptions") -> None:
    """Average the probabilities of detectors, or of test-time augmentations of one, in a new detector.

    The card of the new detector states the number of forward passes per image. Its output is compared with the average
    of its members before it is written.

    \b
    Example:
      landslip detector ensemble a.onnx b.onnx c.onnx -o mean.onnx
      landslip detector ensemble a.onnx --tta d4 -o a-tta.onnx
    """
    from landslip.detector.detector import Detector
    from landslip.post_training.ensemble import check_ensemble, ensemble

    name = check_new_detector(out, name)
    members = [Detector.open(detector) for detector in detectors]
    joined = ensemble(members, name, tta=tta)
    difference = check_ensemble(joined, members, tta, inference)
    write_detector(joined, out)
    click.echo(
        f"{out}  {joined.card.forward_passes} forward passes per image, {joined.size_mb:.1f} MB, "
        f"equal to the mean of its members within {difference:.1g}"
    )
    print_next("landslip", "detector", "calibrate", out, "--data", "DATA", "-o", "CALIBRATED.onnx")
