"""``landslip cross-validate``: train and score a recipe on every fold of a protocol."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landslip.cli.options import (
    PATH,
    folds_option,
    jobs_option,
    json_option,
    output_option,
    protocol_option,
    quiet_option,
    recipe_option,
    seeds_option,
    set_option,
)
from landslip.cli.output import align, print_next
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.datasets.splits import ProtocolName
    from landslip.studies.cross_validation import CrossValidation


@click.command("cross-validate")
@click.argument("data", type=PATH)
@recipe_option("Recipe to train: a packaged one or a YAML file.", default="default")
@set_option
@protocol_option("scene-out")
@folds_option
@seeds_option("1")
@jobs_option
@output_option("Folder for training runs and results.", default="cross-validation")
@click.option("--report", type=PATH, metavar="DIR", help="Write report.html and report.json of the first seed.")
@quiet_option
@json_option
def command(
    data: Path,
    recipe: str,
    settings: tuple[str, ...],
    protocol: "ProtocolName",
    folds: int,
    seeds: tuple[int, ...],
    jobs: int,
    out: Path,
    report: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train and score a recipe on every fold of a protocol.

    Each fold is trained once per seed; every patch is scored by a detector that was not trained on it. Interrupted
    runs resume. The folder gets protocol.json and the predictions of each seed (.npz).

    \b
    Protocols:
      scene-out   leave one scene out
      blocks      test on the last rows of each scene, with a gap to the training rows
      k-fold      test on blocks of rows in turn, with gaps to the training rows
      paper       the random split of arXiv 2507.01123; optimistic, as neighbours are split
      official    the splits published with the data

    \b
    Example:
      landslip cross-validate DATA --recipe mine.yaml --protocol scene-out --seeds 1,2,3 -o out/
    """
    from landslip.datasets.formats import open_patches
    from landslip.evaluation.predict import match_patches
    from landslip.evaluation.predictions import load_predictions
    from landslip.evaluation.report.layout import ReportInput, write_text
    from landslip.evaluation.report.page import make_report
    from landslip.studies.cross_validation import cross_validate
    from landslip.training.recipe.recipe import read_recipe

    chosen = read_recipe(recipe, settings)
    with progress_line(quiet=quiet) as progress:
        found = cross_validate(chosen, data, out, protocol, seeds=seeds, folds=folds, jobs=jobs, progress=progress)
        write_text(out / "protocol.json", json.dumps(found.as_dict(), indent=1, ensure_ascii=False) + "\n")
        if report is not None:
            predictions, patches = match_patches(load_predictions(found.predictions[0]), open_patches(data))
            make_report(ReportInput(predictions, found.scores[0], patches, None), progress).write(report)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
        return
    click.echo(_text(found))
    if report is None:
        print_next("landslip", "evaluate", data, "--detector", found.predictions[0], "--report", "DIR")
    else:
        click.echo(f"\nreport: {report / 'report.html'} (seed {found.seeds[0]})")


def _text(found: "CrossValidation") -> str:
    seeds = f"seed{'s' if len(found.seeds) > 1 else ''} {', '.join(map(str, found.seeds))}"
    columns = {"f1": "F1", "precision": "precision", "recall": "recall", "iou": "IoU", "best_f1": "best F1"}
    scores = [("", *columns.values())]
    scores += [(scene, *(str(figures[name]) for name in columns)) for scene, figures in found.metrics.items()]
    other = [("", *list(columns.values())[:-1])]
    other += [
        (name, *(str(figures[column]) for column in list(columns)[:-1]))
        for name, figures in found.definitions.items()
        if name != "pooled"
    ]
    lines = [
        f"{found.recipe} on {found.data}, protocol {found.protocol}, {len(found.folds)} folds, {seeds}; "
        "landslide class, counts pooled over all pixels",
        "",
        *align(scores),
        "",
        "Other definitions of F1 (comparable only with scores of the same definition):",
        *align(other),
    ]
    if len(found.seeds) > 1:
        lines.append("Mean and standard deviation over seeds.")
    lines += [f"{fold}: {leak}" for fold, leak in found.leaks.items()]
    lines.append("best F1: at the one threshold that is best on these test patches; optimistic.")
    return "\n".join(lines)
