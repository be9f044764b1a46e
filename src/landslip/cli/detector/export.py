"""``landslip detector export``: export a detector to plain ONNX or OpenVINO IR."""

from pathlib import Path

import click

from landslip.cli.options import output_option


@click.command("export")
@click.argument("detector", metavar="DETECTOR")
@click.option(
    "--to", "form", required=True, type=click.Choice(["onnx", "openvino"]), help="Plain ONNX, or OpenVINO IR."
)
@output_option("Folder for the files.")
def command(detector: str, form: str, out: Path) -> None:
    """Export a detector to plain ONNX or OpenVINO IR, with its card as JSON.

    The exported file is loaded and its output compared with the detector's; nothing is kept if they differ.

    \b
    Example:
      landslip detector export s2-rgb --to openvino -o exported/
    """
    from landslip.detector.detector import Detector
    from landslip.inference.export import export_detector

    opened = Detector.open(detector)
    paths, difference = export_detector(opened, "openvino" if form == "openvino" else "onnx", out)
    for path in paths:
        click.echo(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    channels = ", ".join(f"{name} ({unit})" for name, unit in zip(opened.card.channels, opened.card.units, strict=True))
    click.echo(f"inputs: {channels}; output equal to {opened.card.name} within {difference:.1g}")
    click.echo(f"licence: {opened.card.licence}")
    click.echo(f"\nNext: open {paths[0].name} in the other tool; {paths[-1].name} has its inputs and limits")
