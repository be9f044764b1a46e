"""The figures of an evaluation as small tables for people."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landslip.cli.evaluate_map import evaluate_map, map_options
from landslip.evaluation.comparison import Comparison, Difference
from landslip.evaluation.scores import Scores
from landslip.metrics.count_tables import FIGURES
from landslip.metrics.intervals import FEW, Interval

if TYPE_CHECKING:
    from landslip.datasets.splits import ProtocolName
    from landslip.evaluation.predictions import Predictions


_HEADS = {"f1": "F1", "precision": "precision", "recall": "recall", "iou": "IoU"}


def scores_text(scores: Scores) -> str:
    """A line for all patches, one for each scene, and what else was asked for."""
    return "\n".join(_lines(scores))


def _lines(scores: Scores) -> Iterator[str]:
    evaluation = scores.evaluation
    yield (
        f"{evaluation.detector} at threshold {evaluation.threshold:g}, {len(evaluation.patches)} patches of "
        f"{scores.data}; landslide class, counts pooled over all pixels"
    )
    yield ""
    width = max(len(name) for name in ("all", *scores.by_scene)) + 2
    yield f"{'':>{width}} {'patches':>8} {'F1':>7} {'95 % interval':>15} {'precision':>10} {'recall':>7} {'IoU':>7}"
    rows = {"all": scores.intervals, **(scores.by_scene if len(scores.by_scene) > 1 else {})}
    for name, made in rows.items():
        patches = sum(name in ("all", one.scene) for one in evaluation.patches)
        yield f"{name:>{width}} {patches:>8} {_figures(made)}"
    yield ""
    yield f"Intervals: bootstrap over {scores.unit}, {scores.intervals['f1'].draws} draws."
    few = [f"{name} {made['f1'].units}" for name, made in rows.items() if made["f1"].few]
    if few:
        yield f"Fewer than {FEW} units, so that the interval is itself a guess: {', '.join(few)}."
    if scores.also:
        yield from _also(scores)
    if scores.comparison is not None:
        yield from _compared(scores.comparison, scores.comparison_by_scene or {})


def _figures(made: Mapping[str, Interval]) -> str:
    f1 = made["f1"]
    interval = f"{f1.low:.3f} to {f1.high:.3f}"
    return (
        f"{f1.value:>7.3f} {interval:>15} {made['precision'].value:>10.3f} {made['recall'].value:>7.3f} "
        f"{made['iou'].value:>7.3f}"
    )


def _also(scores: Scores) -> Iterator[str]:
    yield ""
    yield "By other definitions, which compare with their own kind only:"
    yield f"{'':>12} {'F1':>7} {'precision':>10} {'recall':>7} {'IoU':>7}"
    for name, ratios in scores.also.items():
        yield f"{name:>12} {ratios.f1:>7.3f} {ratios.precision:>10.3f} {ratios.recall:>7.3f} {ratios.iou:>7.3f}"


def _compared(comparison: Comparison, by_scene: Mapping[str, Comparison]) -> Iterator[str]:
    yield ""
    yield (
        f"{comparison.first} at {comparison.first_threshold:g} minus {comparison.second} at "
        f"{comparison.second_threshold:g}; paired over {comparison.units} {comparison.unit}s"
    )
    yield f"{'':>12} {'first':>7} {'second':>7} {'difference':>11} {'95 % interval':>18} {'p':>7}"
    for name in FIGURES:
        yield _difference(_HEADS[name], comparison.differences[name])
    for scene, one in by_scene.items():
        yield _difference(f"F1 {scene}", one.differences["f1"])
    yield "p: how often chance alone gives a difference as large (paired sign-flip test)."


def _difference(name: str, one: Difference) -> str:
    interval = f"{one.low:+.3f} to {one.high:+.3f}"
    return (
        f"{name:>12} {one.first:>7.3f} {one.second:>7.3f} {one.difference:>+11.3f} {interval:>18} {one.p_value:>7.4f}"
    )


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
    from landslip.cli.evaluate import scores_text
    from landslip.datasets.formats import open_patches
    from landslip.datasets.splits import Part, rows_from_text
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
        from landslip.evaluation.report.sheet import Asked

        card = None if (source or DEFAULT).endswith(".npz") else Detector.open(source or DEFAULT).card
        with progress_bar(quiet=quiet) as watch:
            pages = make_report(Asked(predictions, scores, matched(predictions, patches)[1], card), watch).write(report)
    click.echo(json.dumps(scores.as_dict(), indent=2) if as_json else scores_text(scores))
    if report is not None and not as_json:
        click.echo(f"\nLook at {pages[0]}")
