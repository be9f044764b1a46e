"""``landslip detector calibrate``: choose temperature, threshold and confidence of a detector anew."""

import shlex
from pathlib import Path

import click

from landslip.cli.detector.output import checked_name, write_detector


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
def command(
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
    from landslip.datasets.formats import open_patches
    from landslip.datasets.splits import Part, rows_from_text
    from landslip.detector.detector import Detector
    from landslip.evaluation.evaluate import evaluate
    from landslip.post_training.calibration import Choosing, calibrate, score_of, with_card

    detector = Detector.open(detector_name)
    name = checked_name(output, name or detector.card.name)
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
    write_detector(made, output)
    before, after = detector.card, made.card
    click.echo(f"{output}  {after.threshold_chosen}")
    click.echo(f"threshold {before.threshold:g} -> {after.threshold:g}")
    click.echo(f"temperature {before.temperature:g} -> {after.temperature:g}")
    for score in after.scores:
        click.echo(f"F1 {score.f1:.3f}  precision {score.precision:.3f}  recall {score.recall:.3f}  {score.data}")
    click.echo(f"Next: {shlex.join(['landslip', 'evaluate', 'DATA', '--detector', str(output)])} --scene OTHER")
