"""``landslip detector export``: export a detector for other tools."""

from pathlib import Path
from typing import Final, get_args

import click

from landslip.cli.options import output_option

FORMATS: Final = ("onnx", "openvino", "tensorrt", "deepness", "stac")


@click.command("export")
@click.argument("detector", metavar="DETECTOR")
@click.option(
    "--to",
    "form",
    required=True,
    type=click.Choice(FORMATS),
    help="Plain ONNX; OpenVINO IR; ONNX for TensorRT; ONNX for the QGIS plugin Deepness; ONNX with a STAC item.",
)
@output_option("Folder for the files.")
@click.option("--batch", type=click.IntRange(1), metavar="N", help="Fixed number of images per call; default: any.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "int8"]),
    default="float32",
    help="int8: export the int8 variant, if the detector has one.",
)
def command(detector: str, form: str, out: Path, batch: int | None, precision: str) -> None:
    """Export a detector to ONNX or OpenVINO IR, with its card as JSON.

    The exported file is loaded and its output compared with the detector's; nothing is kept if they differ.

    \b
    Example:
      landslip detector export s2-rgb --to openvino -o exported/
      landslip detector export s2-rgb --to deepness -o qgis/
    """
    from landslip.detector.detector import Detector
    from landslip.inference.export import Format, export_detector, trtexec_command
    from landslip.post_training.composition import operator_set

    opened = Detector.open(detector)
    if precision == "int8" and opened.card.quantisation is None:
        opened = opened.open_int8()
    chosen: Format = next(one for one in get_args(Format) if one == form)
    paths, difference = export_detector(opened, chosen, out, batch=batch)
    for path in paths:
        click.echo(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    channels = ", ".join(f"{name} ({unit})" for name, unit in zip(opened.card.channels, opened.card.units, strict=True))
    click.echo(f"inputs: {channels}; output equal to {opened.card.name} within {difference:.1g}")
    if form != "openvino":
        import onnx

        click.echo(f"opset: {operator_set(onnx.load_model(paths[0], load_external_data=False))}")
    click.echo(f"licence: {opened.card.licence}")
    if form == "tensorrt":
        click.echo(f"\nNext: {trtexec_command(opened, paths[0], batch)}")
        return
    click.echo(f"\nNext: open {paths[0].name} in the other tool; {paths[-1].name} has its inputs and limits")
