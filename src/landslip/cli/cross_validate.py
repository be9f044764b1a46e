"""``landslip evaluate --protocol``: trains and scores every fold, and says what the recipe reached."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from landslip.datasets.splits import ProtocolName
    from landslip.studies.cross_validation import ProtocolResult


def run_protocol(
    data: Path,
    output: Path,
    protocol: "ProtocolName",
    recipe_name: str,
    settings: tuple[str, ...],
    *,
    seeds: str,
    folds: int,
    jobs: int,
    report: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run a protocol and print a table; leaves ``protocol.json`` in the folder."""
    from landslip.cli.progress import progress_bar
    from landslip.cli.training_extra import numbers
    from landslip.datasets.formats import open_patches
    from landslip.evaluation.predictions import load_predictions
    from landslip.evaluation.report.page import make_report
    from landslip.evaluation.report.sheet import Asked, write_text
    from landslip.evaluation.resolve import matched
    from landslip.studies.cross_validation import evaluate_protocol
    from landslip.training.recipe.recipe import read_recipe

    recipe = read_recipe(recipe_name, settings)
    with progress_bar(quiet=quiet) as watch:
        found = evaluate_protocol(
            recipe,
            data,
            output,
            protocol,
            seeds=numbers(seeds),
            folds=folds,
            jobs=jobs,
            progress=not quiet,
            watch=watch,
        )
    write_text(output / "protocol.json", json.dumps(found.as_dict(), indent=1, ensure_ascii=False) + "\n")
    if report is not None:
        said, patches = matched(load_predictions(found.predictions[0]), open_patches(data))
        asked = Asked(said, found.scores[0], patches, None)
        with progress_bar(quiet=quiet) as watch:
            make_report(asked, watch).write(report)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
        return
    click.echo(_text(found))
    if report is not None:
        click.echo(f"\nLook at {report / 'report.html'} (seed {found.seeds[0]})")
    else:
        click.echo(f"\nNext: landslip evaluate {data} --detector {found.predictions[0]} --report DIR")


def _text(found: "ProtocolResult") -> str:
    seeds = f"seeds {', '.join(map(str, found.seeds))}" if len(found.seeds) > 1 else f"seed {found.seeds[0]}"
    lines = [
        f"{found.detector} on {found.data} by the protocol {found.protocol}, {len(found.folds)} folds, {seeds}; "
        "landslide class, counts pooled over all pixels",
        "",
        f"{'':>12} {'F1':>15} {'precision':>15} {'recall':>15} {'IoU':>15} {'best F1':>15}",
    ]
    for scene, made in found.figures.items():
        cells = (f"{made[name]!s:>15}" for name in ("f1", "precision", "recall", "iou", "best_f1"))
        lines.append(f"{scene:>12} {' '.join(cells)}")
    lines.append("")
    lines.append("By other definitions, which compare with their own kind only:")
    for name, made in found.also.items():
        if name != "pooled":
            cells = (f"{made[figure]!s:>15}" for figure in ("f1", "precision", "recall", "iou"))
            lines.append(f"{name:>12} {' '.join(cells)}")
    if len(found.seeds) > 1:
        lines.append("Mean and standard deviation over the seeds.")
    lines.append("best F1: at the one threshold that would have been best on these very patches; it flatters.")
    return "\n".join(lines)
