"""``landslip ablate``: what each channel is worth, with and without training anew; and what physics in the loss is."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from landslip.datasets.splits import ProtocolName
    from landslip.studies.ablation.result import Ablation
    from landslip.studies.physics import PhysicsResult


@click.command("ablate")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--detector", metavar="NAME|FILE", help="Take channels away from this detector, as it is.")
@click.option("--recipe", metavar="NAME|FILE", help="Train this recipe anew without each channel.")
@click.option("--physics", is_flag=True, help="With --recipe: train with and without its physics terms instead.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for everything.")
@click.option("--only", metavar="NAMES", help="Only these channels and groups, such as B04,all terrain.")
@click.option("--seeds", default="1,2,3", show_default=True, metavar="NUMBERS", help="Of permutations or trainings.")
@click.option("--set", "settings", multiple=True, metavar="KEY.PATH=VALUE", help="Change a setting of the recipe.")
@click.option(
    "--protocol",
    type=click.Choice(["blocks", "scene-out", "k-fold", "paper", "official"]),
    default="blocks",
    show_default=True,
    help="With --recipe: how the data are divided.",
)
@click.option("--folds", type=click.IntRange(3), default=5, show_default=True, help="Of k-fold.")
@click.option("--shares", default="1,0.1", show_default=True, metavar="NUMBERS", help="With --physics: of the data.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Trainings at once.")
@click.option("--scene", "scenes", multiple=True, metavar="NAME", help="With --detector: only this scene.")
@click.option("--rows", metavar="FIRST-LAST", help="With --detector: only these rows of patches, such as 50-57.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program.")
def command(
    *,
    data: Path,
    detector: str | None,
    recipe: str | None,
    physics: bool,
    output: Path,
    only: str | None,
    seeds: str,
    settings: tuple[str, ...],
    protocol: "ProtocolName",
    folds: int,
    shares: str,
    jobs: int,
    scenes: tuple[str, ...],
    rows: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Take channels away, each alone and by groups, and see how far F1 falls on DATA.

    \b
    landslip ablate DATA --detector mine.onnx -o out          by permutation and dropout, in minutes
    landslip ablate DATA --recipe mine.yaml -o out            by training anew, in hours or days
    landslip ablate DATA --recipe mine.yaml --physics -o out  with and without the physics terms of its loss

    A run that was stopped goes on where it was. Leaves a page, JSON and a chart in the folder.
    """
    if (detector is None) == (recipe is None):
        raise click.UsageError("give a detector with --detector or a recipe with --recipe")
    if physics and recipe is None:
        raise click.UsageError("--physics compares trainings: give a recipe with --recipe")
    from landslip.cli.training_extra import numbers

    names = [name.strip() for name in (only or "").split(",") if name.strip()]
    if detector is not None:
        found, pages = _detector(data, detector, output, names, numbers(seeds), scenes, rows, quiet=quiet)
        click.echo(json.dumps(found.as_dict(), indent=2) if as_json else _text(found))
        _look(pages, quiet=as_json)
        return
    from landslip.cli.progress import progress_bar
    from landslip.training.recipe.recipe import read_recipe

    chosen = read_recipe(recipe or "", settings)
    more = {"protocol": protocol, "seeds": numbers(seeds), "folds": folds, "jobs": jobs, "progress": not quiet}
    with progress_bar(quiet=quiet) as watch:
        if physics:
            from landslip.studies.physics import compare_physics
            from landslip.studies.physics_report import write_physics

            compared = compare_physics(chosen, data, output, shares=_shares(shares), watch=watch, **more)  # type: ignore[arg-type]  # options by name
            pages = write_physics(compared, output, chosen.detector.attribution)
            click.echo(json.dumps(compared.as_dict(), indent=2) if as_json else _physics_text(compared))
        else:
            from landslip.studies.ablation.report import write_ablation
            from landslip.studies.ablation.retraining import ablate_recipe

            ablated = ablate_recipe(chosen, data, output, names=names, watch=watch, **more)  # type: ignore[arg-type]  # options by name
            pages = write_ablation(ablated, output, chosen.detector.attribution)
            click.echo(json.dumps(ablated.as_dict(), indent=2) if as_json else _text(ablated))
    _look(pages, quiet=as_json)


def _detector(
    data: Path,
    name: str,
    output: Path,
    names: list[str],
    seeds: tuple[int, ...],
    scenes: tuple[str, ...],
    rows: str | None,
    *,
    quiet: bool,
) -> tuple["Ablation", tuple[Path, ...]]:
    from landslip.cli.progress import progress_bar
    from landslip.datasets.formats import open_patches
    from landslip.datasets.splits import Part, rows_from_text
    from landslip.detector.detector import Detector
    from landslip.evaluation.resolve import data_label
    from landslip.studies.ablation.permutation import ablate_detector
    from landslip.studies.ablation.report import write_ablation

    part = Part(scenes=scenes, rows=rows_from_text(rows) if rows else None)
    opened, label = Detector.open(name), data_label(data)
    with progress_bar(quiet=quiet) as watch:
        found = ablate_detector(
            opened,
            open_patches(data).where(part.holds),
            output,
            data=label if part == Part() else f"{label}, {part}",
            names=names,
            seeds=seeds,
            watch=watch,
        )
    return found, write_ablation(found, output, opened.card.attribution)


def _shares(text: str) -> tuple[float, ...]:
    from landslip.errors import SettingsError

    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError as error:
        raise SettingsError(f"'{text}' are no shares of the data: give numbers such as 1,0.1") from error


def _look(pages: tuple[Path, ...], *, quiet: bool) -> None:
    if not quiet:
        click.echo(f"\nLook at {pages[0]}")


def _text(found: "Ablation") -> str:
    lines = [
        f"{found.detector} on {found.data}, {found.patches} patches; F1 {found.f1} with everything; landslide class, "
        "counts pooled over all pixels",
        found.protocol,
        "",
        f"{'':>10} {'without':>20} {'F1':>15} {'fall':>7} {'95 % interval':>18}",
    ]
    for one in sorted(found.falls, key=lambda one: (one.how, -one.fall)):
        interval = f"{one.low:+.3f} to {one.high:+.3f}"
        lines.append(f"{one.how:>10} {one.name:>20} {one.f1!s:>15} {one.fall:>+7.3f} {interval:>18}")
    return "\n".join([*lines, f"Intervals: paired bootstrap over {found.unit}."])


def _physics_text(found: "PhysicsResult") -> str:
    from landslip.studies.physics_report import heads, table_rows

    lines = [f"{found.detector} on {found.data}, {found.patches} patches; {found.protocol}", ""]
    table = [heads(found), *table_rows(found)]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines += ["  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in table]
    lines += [
        f"gain of F1 at {one.share:.0%}: {one.f1:+.3f} ({one.low:+.3f} to {one.high:+.3f})" for one in found.gains
    ]
    return "\n".join(lines)
