"""``landslip detector finetune``: train a detector further on labelled landslides of a place."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landslip.cli.options import (
    PATH,
    SceneReading,
    build_settings,
    output_option,
    part_options,
    quiet_option,
    scene_options,
)
from landslip.cli.output import check_new_detector, print_next, write_detector
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.datasets.splits import Part


@click.command("finetune")
@click.argument("detector_name", metavar="DETECTOR")
@click.argument("paths", nargs=-1, metavar="[SCENE]...", type=PATH)
@click.option("--labels", type=PATH, metavar="FILE", help="Outlines of landslides in SCENE, in any vector format.")
@click.option("--layer", metavar="NAME", help="Layer of the file of --labels, if it has several.")
@click.option(
    "--area",
    metavar="W,S,E,N|FILE",
    help="Where the labels are complete: bounds in degrees or polygons; default: within 200 m of the bounding box of "
    "each landslide.",
)
@click.option("--area-layer", metavar="NAME", help="Layer of the file of --area, if it has several.")
@click.option("--data", type=PATH, metavar="DATA", help="Labelled patches, instead of a scene and --labels.")
@part_options
@click.option(
    "--train",
    "trained",
    type=click.Choice(["head", "norms", "all"]),
    default="norms",
    help="Weights to train: the last layer; also scale and shift of batch normalisation; all.",
)
@click.option("--epochs", type=click.IntRange(1), default=10, metavar="N", help="Passes over the labelled patches.")
@click.option(
    "--learning-rate", type=click.FloatRange(0, min_open=True), metavar="RATE", help="Peak; default: that of --train."
)
@click.option(
    "--quiet-ground", type=PATH, metavar="DIR", help="Chips without landslides: a quarter of every batch; RGB only."
)
@click.option(
    "--hold-out/--no-hold-out",
    default=True,
    help="Hold out the last fifth of the patches to score, from 20 landslides on.",
)
@click.option("--seed", type=click.IntRange(0), default=1, metavar="N", help="Random seed.")
@scene_options
@output_option("The .onnx file to write.", metavar="FILE")
@click.option("--name", metavar="NAME", help="Name of the new detector; default: that of the file.")
@quiet_option
def command(
    detector_name: str,
    paths: tuple[Path, ...],
    *,
    labels: Path | None,
    layer: str | None,
    area: str | None,
    area_layer: str | None,
    data: Path | None,
    part: "Part",
    quiet_ground: Path | None,
    reading: SceneReading,
    out: Path,
    name: str | None,
    quiet: bool,
    **settings: Any,
) -> None:
    """Train a detector further on labelled landslides of a place.

    Give rasters of one SCENE and outlines of landslides in it with --labels, or labelled patches with --data. Five
    landslides or more are needed. The threshold is unchanged. Needs the extra train: pip install 'landslip[train]'.

    \b
    Example:
      landslip detector finetune s2-rgb SCENE.tif --labels landslides.gpkg -o mine.onnx
      landslip detector finetune s2-rgb --data PATCHES --scene B --rows 0-5 -o mine.onnx
    """
    from landslip.datasets.formats import open_patches
    from landslip.detector.detector import Detector
    from landslip.errors import AreaError, SettingsError
    from landslip.evaluation.reference.polygons import read_polygons
    from landslip.mapping.area import area_of_interest
    from landslip.scenes.rasters import open_scene
    from landslip.training.finetuning.finetune import FinetuneSettings, finetune
    from landslip.training.finetuning.labels import labels_of_patches, labels_of_scene

    if bool(paths) == (data is not None):
        raise SettingsError("give labels: either rasters of one SCENE with --labels, or --data PATCHES")
    if bool(paths) != (labels is not None):
        raise SettingsError("labels are outlines in a scene: give SCENE and --labels together", parameter="labels")
    if area is not None and not paths:
        raise SettingsError("area goes with a scene: patches tell by their masks where they are labelled")
    detector = Detector.open(detector_name)
    name = check_new_detector(out, name)
    chosen = build_settings(FinetuneSettings, **settings)
    with progress_line(quiet=quiet) as progress:
        if data is not None:
            patches = open_patches(data).where(part.contains)
            found = labels_of_patches(detector.card, patches, f"{data.resolve().name}, {part}", progress)
        elif labels is not None:
            try:
                complete = None if area is None else area_of_interest(area, area_layer)
            except AreaError as error:
                parameters = {"aoi": "area", "layer": "area_layer"}
                raise AreaError(str(error), parameter=parameters.get(error.parameter or "")) from error
            drawn = read_polygons(labels, layer)
            found = labels_of_scene(detector.card, open_scene(paths, **reading), drawn, complete, progress)
        made = finetune(detector, found, chosen, name=name, quiet_ground=quiet_ground, progress=progress)
    write_detector(made.detector, out)
    card = made.detector.card
    click.echo(f"{out}  {chosen.trained} trained on {found.description}; threshold {card.threshold:g}, unchanged")
    if made.before is None or made.after is None:
        click.echo("accuracy not measured: score it on other labels with landslip evaluate or evaluate-map")
    else:
        scored = card.scores[0].patches
        click.echo(f"F1 on {scored} patches held out: {made.before.f1:.3f} before, {made.after.f1:.3f} after")
        if made.after.f1 < made.before.f1:
            click.echo(f"warning: it became worse there: keep {detector.card.name}, or label more", err=True)
    print_next("landslip", "map", *(paths or ("SCENE",)), "--detector", out, "-o", "map/")
