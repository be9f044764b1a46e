"""``landslip evaluate-generalisation``: detectors on regions left out, quiet ground and real scenes."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landslip.cli.options import PATH, inference_options, json_option, output_option, quiet_option, seeds_option
from landslip.cli.output import align, check_new_file
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.evaluation.generalisation.judge import Judgement
    from landslip.inference.engine import InferenceOptions


@click.command("evaluate-generalisation")
@click.argument("detectors", nargs=-1, metavar="[DETECTOR]...")
@click.option("--recipe", metavar="NAME|FILE", help="Recipe to train with each scene of --patches left out in turn.")
@seeds_option("1")
@click.option("--patches", type=PATH, metavar="DIR", help="Labelled patches.")
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="SCENE[:FIRST-LAST]",
    help="Scene of the patches, or rows of one, such as A:50-57; may be repeated. Default: every scene.",
)
@click.option("--quiet-ground", "chips", type=PATH, metavar="DIR", help="Chips without landslides, a folder per class.")
@click.option(
    "--chips",
    "per_class",
    type=click.IntRange(1),
    metavar="N",
    default=150,
    help="Chips per class: those with the highest numbers.",
)
@click.option("--before", type=PATH, metavar="SCENE", help="Scene before an event.")
@click.option("--after", type=PATH, metavar="SCENE", help="The same area after it.")
@click.option("--windows", type=PATH, metavar="FILE", help="Polygons inside which --reference is complete.")
@click.option("--reference", type=PATH, metavar="FILE", help="Landslides inside --windows, in the scene after.")
@click.option("--track-scene", type=PATH, metavar="SCENE", help="Scene with a long debris flow.")
@click.option("--track", type=PATH, metavar="FILE", help="Outline of the debris flow.")
@click.option("--offset", type=float, metavar="DN", help="Offset of --track-scene, such as -1000.")
@click.option("--to-toa", is_flag=True, help="Convert --track-scene to the top of the atmosphere, as map does.")
@output_option("Folder for generalisation.json and generalisation.png; it must not hold them yet.")
@inference_options
@quiet_option
@json_option
def command(
    detectors: tuple[str, ...],
    *,
    recipe: str | None,
    seeds: tuple[int, ...],
    patches: Path | None,
    regions: tuple[str, ...],
    chips: Path | None,
    per_class: int,
    before: Path | None,
    after: Path | None,
    windows: Path | None,
    reference: Path | None,
    track_scene: Path | None,
    track: Path | None,
    offset: float | None,
    to_toa: bool,
    out: Path,
    inference: "InferenceOptions",
    quiet: bool,
    as_json: bool,
) -> None:
    """Judge detectors on regions left out, on quiet ground and on real scenes.

    DETECTOR is a packaged detector or an .onnx file; several are compared. With --recipe, the detector of every fold
    and seed is judged too, in the scene left out; runs are kept in the folder and resume. Each table needs its data:
    --patches, --quiet-ground, --before with --after, --track-scene with --track.

    \b
    Tables:
      regions       pooled F1, precision and recall at the detector's threshold, at 0.5 and at the best in hindsight;
                    marks: * patches of it were in the detector's training part, ? they may have been
      quiet ground  per cent of pixels marked on chips without landslides, with absolute and with relative brightness
      real scenes   hectares marked before and after, F1 inside drawn windows, length of the track found, the rest

    \b
    Example:
      landslip evaluate-generalisation s2-rgb mine.onnx --patches DATA --region A:50-57 --region B -o out/
    """
    from landslip.api import open_scene
    from landslip.detector.detector import Detector
    from landslip.evaluation.generalisation.judge import Ground, judge
    from landslip.evaluation.generalisation.regions import region_of_text
    from landslip.evaluation.generalisation.tables import draw_judgements
    from landslip.files.atomic import write_text

    if not detectors and recipe is None:
        raise click.UsageError("give a DETECTOR or several, or a --recipe")
    opened = [Detector.open(name) for name in detectors]
    out.mkdir(parents=True, exist_ok=True)
    json_path, chart_path = (check_new_file(out / name) for name in ("generalisation.json", "generalisation.png"))
    ground = Ground(
        patches=patches,
        regions=tuple(map(region_of_text, regions)),
        quiet=chips,
        chips_per_class=per_class,
        before=None if before is None else open_scene(before),
        after=None if after is None else open_scene(after),
        windows=windows,
        reference=reference,
        track_scene=None if track_scene is None else open_scene(track_scene, offset=offset, to_toa=to_toa),
        track=track,
    )
    with progress_line(quiet=quiet) as progress:
        judged = [judge(one, ground, options=inference, progress=progress) for one in opened]
        if recipe is not None:
            from landslip.studies.generalisation import judge_recipe
            from landslip.training.recipe.recipe import read_recipe

            judged += judge_recipe(
                read_recipe(recipe), ground, out / "runs", seeds=seeds, options=inference, progress=progress
            )
    text = json.dumps({"detectors": [one.as_dict() for one in judged]}, indent=1, ensure_ascii=False)
    write_text(json_path, text + "\n")
    draw_judgements(judged, chart_path)
    click.echo(text if as_json else _text(judged) + f"\n\nchart: {chart_path}")


def _text(judged: "list[Judgement]") -> str:
    from landslip.evaluation.generalisation.tables import quiet_table, region_table, scene_table

    titles = {
        "Labelled regions, counts pooled over all pixels (* trained there, ? may have been):": region_table,
        "Quiet ground, per cent of pixels marked:": quiet_table,
        "Real scenes, without masks and minimum area:": scene_table,
    }
    blocks = []
    for title, table in titles.items():
        rows = table(judged)
        if len(rows) > 1 and len(rows[0]) > 1:
            blocks.append("\n".join([title, *align(rows)]))
    return "\n\n".join(blocks)
