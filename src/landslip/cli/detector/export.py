"""``landslip detector export``: a detector in the form that another tool wants."""

from pathlib import Path

import click


@click.command("export")
@click.argument("detector", metavar="NAME|FILE")
@click.option(
    "--to", "form", required=True, type=click.Choice(["onnx", "openvino"]), help="Plain ONNX, or OpenVINO IR."
)
@click.option("-o", "--output", required=True, metavar="DIR", type=click.Path(path_type=Path), help="Where to.")
def command(detector: str, form: str, output: Path) -> None:
    """Write a detector in another form, with its card beside it as JSON.

    What was written is read back and run beside the detector; where they differ, nothing is left.
    """
    from landslip.detector.detector import Detector
    from landslip.inference.export import write_form

    opened = Detector.open(detector)
    paths, difference = write_form(opened, "openvino" if form == "openvino" else "onnx", output)
    for path in paths:
        click.echo(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    channels = ", ".join(f"{name} ({unit})" for name, unit in zip(opened.card.channels, opened.card.units, strict=True))
    click.echo(f"takes {channels}; answers as {opened.card.name} does, to {difference:.1g} in probability")
    click.echo(f"licence: {opened.card.licence}")
    click.echo(
        f"\nNext: open {paths[0].name} in the tool that it is for; {paths[-1].name} says what it takes and its limits"
    )
