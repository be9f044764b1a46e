"""``landslip detector ensemble`` and ``calibrate``: what can be made of detectors that are there, without training."""

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from landslip.detector import Detector
    from landslip.finishing.turns import Turns

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")


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
def ensemble_command(detectors: tuple[str, ...], output: Path, turns: "Turns", name: str | None, engine: str) -> None:
    """Join detectors, and the turns in which they look, into one that averages their probabilities.

    With one detector and --tta this is test-time augmentation. The new file is a detector like any other; its card says
    how many passes an image costs. It is checked against its members, averaged by hand, before it is written.
    """
    from landslip.detector import Detector
    from landslip.finishing.ensemble import ensemble
    from landslip.finishing.parity import check_ensemble

    name = _checked(output, name)
    members = [Detector.open(detector) for detector in detectors]
    joined = ensemble(members, name, turns=turns)
    difference = check_ensemble(joined, members, turns, engine)
    _write(joined, output)
    click.echo(
        f"{output}  {joined.card.forward_passes} passes an image, {len(joined.onnx_bytes) / 1e6:.1f} MB, within "
        f"{difference:.1g} of its members averaged by hand"
    )
    click.echo(
        f"Next: {shlex.join(['landslip', 'detector', 'calibrate', str(output)])} --data DIR --scene NAME -o FILE"
    )


@click.command("calibrate")
@click.argument("detector_name", metavar="NAME|FILE")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Labelled patches, of any kind.")
@click.option("--scene", "scenes", multiple=True, metavar="NAME", help="Only this scene; may be given again.")
@click.option("--rows", metavar="FIRST-LAST", help="Only these rows of patches, such as 50-57.")
@click.option(
    "--each-scene",
    is_flag=True,
    help="Give every scene the same say: the highest mean of the scenes' F1, not the F1 of all pixels together.",
)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The .onnx file to write.")
@click.option("--name", help="Name of the new detector.  [default: as it was]")
@click.option("--engine", default="auto", show_default=True, help="As for a map.")
@click.option("--quiet", is_flag=True, help="No progress bars.")
def calibrate_command(
    detector_name: str,
    data: Path,
    scenes: tuple[str, ...],
    rows: str | None,
    each_scene: bool,
    output: Path,
    name: str | None,
    engine: str,
    quiet: bool,
) -> None:
    """Choose temperature, threshold and confidence of a detector anew, on labelled patches.

    Scores on its card were of the old threshold: they go, and those on the patches it was calibrated on take their
    place, marked as such. Measure it elsewhere with  landslip evaluate.
    """
    from landslip.detector import Detector
    from landslip.evaluation.evaluate import evaluate
    from landslip.finishing.calibrate import Choosing, calibrate, with_card
    from landslip.finishing.scores import score_of
    from landslip.patches.opening import open_patches
    from landslip.patches.splits import Part, rows_from_text

    detector = Detector.open(detector_name)
    name = _checked(output, name or detector.card.name)
    part = Part(scenes=scenes, rows=rows_from_text(rows) if rows else None)
    patches = open_patches(data).where(part.holds)
    names = sorted({entry.scene for entry in patches.entries}) if each_scene else []
    separate = {scene: Part(scenes=(scene,), rows=part.rows) for scene in names} or {"": part}
    set_name = data.resolve().name
    choosing = Choosing({f"{set_name}, {one}": patches.where(one.holds) for one in separate.values()})
    made = calibrate(detector, choosing, engine=engine, progress=not quiet)
    scores = [
        score_of(
            evaluate(made, some, engine=engine, progress=not quiet),
            data=title,
            protocol="temperature, threshold and confidence were chosen on it",
        )
        for title, some in choosing.parts.items()
    ]
    made = with_card(made, name=name, scores=scores)
    _write(made, output)
    before, after = detector.card, made.card
    click.echo(f"{output}  {after.threshold_chosen}")
    click.echo(f"threshold {before.threshold:g} -> {after.threshold:g}")
    click.echo(f"temperature {before.temperature:g} -> {after.temperature:g}")
    for score in after.scores:
        click.echo(f"F1 {score.f1:.3f}  precision {score.precision:.3f}  recall {score.recall:.3f}  {score.data}")
    click.echo(f"Next: {shlex.join(['landslip', 'evaluate', 'DATA', '--detector', str(output)])} --scene OTHER")


def _checked(output: Path, name: str | None) -> str:
    """The name of the new detector; raises where the file cannot be written or the name is none."""
    from landslip.errors import OutputError, SettingsError

    if output.exists():
        raise OutputError(f"{output} is there already: give another file with -o, or move it away")
    if output.suffix != ".onnx" or not output.parent.is_dir():
        raise OutputError(f"{output} cannot be written: give a file that ends in .onnx, in a folder that exists")
    given = output.stem if name is None else name
    if not _NAME.fullmatch(given):
        raise SettingsError(
            f"'{given}' cannot be the name of a detector: give a to z, 0 to 9, dot, dash, underscore by --name"
        )
    return given


def _write(detector: "Detector", output: Path) -> None:
    from landslip.errors import OutputError

    try:
        detector.save(output)
    except OSError as error:
        raise OutputError(
            f"{output} cannot be written ({error.strerror}): give a file in a folder you may write to"
        ) from error
