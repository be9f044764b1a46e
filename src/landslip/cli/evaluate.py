"""``landslip evaluate``: what a detector's maps are worth on patches whose truth is known."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from landslip.evaluation.evaluate import Evaluation


@click.command("evaluate")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--detector", "detector_name", metavar="NAME|FILE", help="Name or file; the packaged one if left out.")
@click.option("--threshold", type=float, help="Probability from which a pixel is called landslide; the card's default.")
@click.option("--engine", default="auto", show_default=True, help="auto, openvino, onnxruntime or torch.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="As for a map.",
)
@click.option("--scene", "scenes", multiple=True, metavar="NAME", help="Only this scene; may be given again.")
@click.option("--rows", metavar="FIRST-LAST", help="Only these rows of patches, such as 50-57.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program.")
def command(
    data: Path,
    detector_name: str | None,
    threshold: float | None,
    engine: str,
    precision: str,
    scenes: tuple[str, ...],
    rows: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Score a detector on DATA, a folder with img/image_N.png and mask/mask_N.png.

    Runs what a map runs. F1 is that of the landslide class, counts pooled over all pixels of all patches.
    """
    from landslip.detector import DEFAULT, Detector
    from landslip.evaluation.evaluate import evaluate
    from landslip.patches.rgb import open_rgb_set
    from landslip.patches.splits import Part, rows_from_text

    part = Part(scenes=scenes, rows=rows_from_text(rows) if rows else None)
    detector = Detector.open(detector_name or DEFAULT)
    evaluation = evaluate(
        detector,
        open_rgb_set(data).where(part.holds),
        threshold=threshold,
        engine=engine,
        precision="bfloat16" if precision == "bfloat16" else "float32",
        progress=not quiet,
    )
    click.echo(json.dumps(evaluation.as_dict(), indent=2) if as_json else as_table(evaluation))


def as_table(evaluation: "Evaluation") -> str:
    """A small table for people: a line for all patches, then one for each scene."""
    lines = [
        f"{evaluation.detector} at threshold {evaluation.threshold:g}, {len(evaluation.patches)} patches; landslide "
        "class, counts pooled over all pixels",
        "",
        f"{'':>10} {'patches':>8} {'F1':>7} {'precision':>10} {'recall':>7} {'IoU':>7}",
    ]
    by_scene = evaluation.by_scene
    rows = {"all": evaluation.pixel, **(by_scene if len(by_scene) > 1 else {})}
    for name, counts in rows.items():
        patches = sum(name in ("all", score.scene) for score in evaluation.patches)
        ratios = f"{counts.f1:>7.3f} {counts.precision:>10.3f} {counts.recall:>7.3f} {counts.iou:>7.3f}"
        lines.append(f"{name:>10} {patches:>8} {ratios}")
    return "\n".join(lines)
