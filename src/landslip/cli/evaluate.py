"""``landslip evaluate``: what a detector's maps are worth on patches whose truth is known."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landslip.cli.evaluate_map import evaluate_map, map_options

if TYPE_CHECKING:
    from landslip.datasets.division import ProtocolName
    from landslip.evaluation.predictions import Predictions


def _words(_: click.Context, __: click.Parameter, text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip()) if text else ()


@click.command("evaluate")
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option(
    "--detector",
    "source",
    metavar="NAME|FILE",
    help="Name or file of a detector, or predictions.npz of an earlier run; the packaged detector if left out.",
)
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
@click.option(
    "--also", callback=_words, metavar="NAMES", help="Other definitions of F1 too: batch-mean,per-patch,macro."
)
@click.option(
    "--compare", "other", metavar="OTHER", help="Another detector or predictions.npz: difference and paired test."
)
@click.option("--save", type=click.Path(path_type=Path), metavar="FILE", help="Keep the predictions as an .npz file.")
@click.option("--report", type=click.Path(path_type=Path), metavar="DIR", help="Write report.html and report.json.")
@click.option(
    "--protocol",
    type=click.Choice(["scene-out", "blocks", "k-fold", "paper", "official"]),
    help="Train and score all folds of a protocol, by --recipe, into -o.",
)
@click.option("--recipe", metavar="NAME|FILE", help="With --protocol: what to train.")
@click.option("--set", "settings", multiple=True, metavar="KEY.PATH=VALUE", help="Change a setting of the recipe.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="With --protocol: folder for everything.")
@click.option("--seeds", default="1", show_default=True, metavar="NUMBERS", help="With --protocol: such as 1,2,3.")
@click.option("--folds", type=click.IntRange(3), default=5, show_default=True, help="Of k-fold.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Trainings at once.")
@map_options
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program.")
def command(
    *,
    data: Path | None,
    source: str | None,
    threshold: float | None,
    engine: str,
    precision: str,
    scenes: tuple[str, ...],
    rows: str | None,
    also: tuple[str, ...],
    other: str | None,
    save: Path | None,
    report: Path | None,
    protocol: "ProtocolName | None",
    recipe: str | None,
    settings: tuple[str, ...],
    output: Path | None,
    seeds: str,
    folds: int,
    jobs: int,
    map_folder: Path | None,
    truth: Path | None,
    area: str | None,
    landslide_values: tuple[int, ...],
    quiet: bool,
    as_json: bool,
) -> None:
    """Score a detector on DATA: RGB patches, Landslide4Sense files, or a packed store.

    Runs what a map runs. F1 is that of the landslide class, counts pooled over all pixels of all patches.

    \b
    landslip evaluate DATA --detector mine.onnx --report out
    landslip evaluate DATA --protocol scene-out --recipe mine.yaml -o out --seeds 1,2,3
    landslip evaluate --map MAP --truth landslides.gpkg

    With --protocol it trains: every fold of the protocol, once with each seed. What is finished is never trained again,
    so that the same command goes on where a run was stopped.
    """
    if map_folder is not None or truth is not None:
        if data is not None or protocol is not None:
            raise click.UsageError("--map and --truth score a finished map: leave out DATA and --protocol")
        evaluate_map(map_folder, truth, area, landslide_values, threshold=threshold, quiet=quiet, as_json=as_json)
        return
    if data is None:
        raise click.UsageError("give the patches to score on, or a finished map with --map and its --truth")
    if protocol is not None:
        from landslip.cli.cross_validate import run_protocol

        if recipe is None or output is None:
            raise click.UsageError("give what to train with --recipe and a folder with -o")
        run_protocol(
            data,
            output,
            protocol,
            recipe,
            settings,
            seeds=seeds,
            folds=folds,
            jobs=jobs,
            report=report,
            quiet=quiet,
            as_json=as_json,
        )
        return
    if recipe is not None or output is not None or settings:
        raise click.UsageError("--recipe, --set and -o belong to --protocol, which trains")
    from landslip.cli.evaluation_text import scores_text
    from landslip.datasets.formats import open_patches
    from landslip.datasets.parts import Part, rows_from_text
    from landslip.detector.detector import DEFAULT, Detector
    from landslip.evaluation.resolve import data_label, matched, said_by
    from landslip.evaluation.scores import score
    from landslip.metrics.definitions import definitions_named

    definitions_named(also)
    part = Part(scenes=scenes, rows=rows_from_text(rows) if rows else None)
    patches = open_patches(data).where(part.holds)

    def ask(which: str, limit: float | None) -> "Predictions":
        return said_by(
            which,
            patches,
            data=data_label(data),
            part=part,
            threshold=limit,
            engine=engine,
            precision="bfloat16" if precision == "bfloat16" else "float32",
            progress=not quiet,
        )

    predictions = ask(source or DEFAULT, threshold)
    if save is not None:
        predictions.save(save)
    against = None if other is None else ask(other, None)
    scores = score(predictions, also=also, other=against)
    if report is not None:
        from landslip.cli.progress import progress_bar
        from landslip.evaluation.report.page import make_report
        from landslip.evaluation.report.section import Asked

        card = None if (source or DEFAULT).endswith(".npz") else Detector.open(source or DEFAULT).card
        with progress_bar(quiet=quiet) as watch:
            pages = make_report(Asked(predictions, scores, matched(predictions, patches)[1], card), watch).write(report)
    click.echo(json.dumps(scores.as_dict(), indent=2) if as_json else scores_text(scores))
    if report is not None and not as_json:
        click.echo(f"\nLook at {pages[0]}")
