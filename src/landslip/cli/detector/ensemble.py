"""``landslip detector ensemble``: join detectors, and the turns in which they look, into one."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landslip.cli.detector.output import checked_name, write_detector

if TYPE_CHECKING:
    from landslip.post_training.ensemble import Turns


@click.command("ensemble")
@click.argument("detectors", metavar="NAME|FILE...", nargs=-1, required=True)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The .onnx file to write.")
@click.option(
    "--tta",
    "turns",
    type=click.Choice(["none", "flips", "d4"]),
    default="none",
    show_default=True,
    help="Let every detector look at the image flipped (4 passes) or turned and flipped (8), and average.",
)
@click.option("--name", help="Name of the new detector.  [default: that of the file]")
@click.option("--engine", default="auto", show_default=True, help="What the check runs on, as for a map.")
def command(detectors: tuple[str, ...], output: Path, turns: "Turns", name: str | None, engine: str) -> None:
    """Join detectors, and the turns in which they look, into one that averages their probabilities.

    With one detector and --tta this is test-time augmentation. The new file is a detector like any other; its card says
    how many passes an image costs. It is checked against its members, averaged by hand, before it is written.
    """
    from landslip.detector.detector import Detector
    from landslip.post_training.ensemble import ensemble
    from landslip.post_training.parity import check_ensemble

    name = checked_name(output, name)
    members = [Detector.open(detector) for detector in detectors]
    joined = ensemble(members, name, turns=turns)
    difference = check_ensemble(joined, members, turns, engine)
    write_detector(joined, output)
    click.echo(
        f"{output}  {joined.card.forward_passes} passes an image, {len(joined.onnx_bytes) / 1e6:.1f} MB, within "
        f"{difference:.1g} of its members averaged by hand"
    )
    click.echo(
        f"Next: {shlex.join(['landslip', 'detector', 'calibrate', str(output)])} --data DIR --scene NAME -o FILE"
    )
