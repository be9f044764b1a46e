"""``landslip ablate``: channel ablation, by permutation or by training; and training without the physics terms."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landslip.cli.options import (
    PATH,
    folds_option,
    jobs_option,
    json_option,
    output_option,
    part_options,
    protocol_option,
    quiet_option,
    recipe_option,
    seeds_option,
    set_option,
    split_names,
)
from landslip.cli.output import align
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.datasets.splits import Part, ProtocolName
    from landslip.studies.ablation.result import Ablation
    from landslip.studies.physics import PhysicsResult


def _fractions(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[float, ...]:
    from landslip.errors import SettingsError

    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError as error:
        raise SettingsError(
            f"invalid fractions '{text}': expected comma-separated numbers, e.g. 1,0.1", parameter="fractions"
        ) from error


@click.command("ablate")
@click.argument("data", type=PATH)
@click.option("--detector", metavar="NAME|FILE", help="Ablate channels of this detector, as trained.")
@recipe_option("Train this recipe without each channel.")
@click.option("--physics", is_flag=True, help="With --recipe: train with and without its physics loss terms instead.")
@output_option("Folder for training runs and results.")
@click.option(
    "--only",
    "names",
    callback=split_names,
    metavar="LIST",
    help="Ablate these channels and groups only, e.g. B04,all terrain.",
)
@seeds_option("1,2,3")
@set_option
@protocol_option("blocks")
@folds_option
@click.option(
    "--fractions",
    default="1,0.1",
    metavar="LIST",
    callback=_fractions,
    help="With --physics: fractions of the training patches to train on.",
)
@jobs_option
@part_options
@quiet_option
@json_option
def command(
    *,
    data: Path,
    detector: str | None,
    recipe: str | None,
    physics: bool,
    out: Path,
    names: tuple[str, ...] | None,
    seeds: tuple[int, ...],
    settings: tuple[str, ...],
    protocol: "ProtocolName",
    folds: int,
    fractions: tuple[float, ...],
    jobs: int,
    part: "Part",
    quiet: bool,
    as_json: bool,
) -> None:
    """Channel ablation study: the drop of F1 on DATA without each channel and group of channels.

    With --detector, channels of the trained detector are permuted or dropped (minutes). With --recipe, a detector is
    trained without each channel (hours or days). Interrupted runs resume. Writes an HTML report, JSON and a chart.

    \b
    Example:
      landslip ablate DATA --detector mine.onnx -o out/
      landslip ablate DATA --recipe mine.yaml --protocol scene-out -o out/
      landslip ablate DATA --recipe mine.yaml --physics -o out/
    """
    if (detector is None) == (recipe is None):
        raise click.UsageError("give either --detector or --recipe")
    if physics and recipe is None:
        raise click.UsageError("--physics compares training runs: give --recipe")
    if detector is not None:
        found, pages = _ablate_detector(data, detector, out, names or (), seeds, part, quiet=quiet)
        click.echo(json.dumps(found.as_dict(), indent=2) if as_json else _ablation_text(found))
    else:
        from landslip.training.recipe.recipe import read_recipe

        chosen = read_recipe(recipe or "", settings)
        more: dict[str, Any] = {"protocol": protocol, "seeds": seeds, "folds": folds, "jobs": jobs}
        with progress_line(quiet=quiet) as progress:
            more["progress"] = progress
            if physics:
                from landslip.studies.physics import compare_physics, write_physics

                compared = compare_physics(chosen, data, out, fractions=fractions, **more)
                pages = write_physics(compared, out, chosen.detector.attribution)
                text, values = _physics_text(compared), compared.as_dict()
            else:
                from landslip.studies.ablation.report import write_ablation
                from landslip.studies.ablation.retraining import ablate_recipe

                ablated = ablate_recipe(chosen, data, out, names=names or (), **more)
                pages = write_ablation(ablated, out, chosen.detector.attribution)
                text, values = _ablation_text(ablated), ablated.as_dict()
        click.echo(json.dumps(values, indent=2) if as_json else text)
    if not as_json:
        click.echo(f"\nreport: {pages[0]}")


def _ablate_detector(
    data: Path, name: str, out: Path, names: tuple[str, ...], seeds: tuple[int, ...], part: "Part", *, quiet: bool
) -> tuple["Ablation", tuple[Path, ...]]:
    from landslip.datasets.formats import open_patches
    from landslip.datasets.splits import Part
    from landslip.detector.detector import Detector
    from landslip.evaluation.predict import data_label
    from landslip.studies.ablation.permutation import ablate_detector
    from landslip.studies.ablation.report import write_ablation

    opened, label = Detector.open(name), data_label(data)
    with progress_line(quiet=quiet) as progress:
        found = ablate_detector(
            opened,
            open_patches(data).where(part.contains),
            out,
            data=label if part == Part() else f"{label}, {part}",
            names=names,
            seeds=seeds,
            progress=progress,
        )
    return found, write_ablation(found, out, opened.card.attribution)


def _ablation_text(found: "Ablation") -> str:
    from landslip.metrics.intervals import format_ends

    table = [("", "without", "F1", "drop", "95 % interval")]
    table += [
        (one.method, one.name, str(one.f1), f"{one.drop:+.3f}", format_ends(one.low, one.high, "+.3f"))
        for one in sorted(found.drops, key=lambda one: (one.method, -one.drop))
    ]
    return "\n".join(
        [
            f"{found.detector} on {found.data}, {found.patches} patches; F1 {found.f1} with all channels; landslide "
            "class, counts pooled over all pixels",
            found.protocol,
            "",
            *align(table),
            f"Intervals: paired bootstrap over {found.unit}.",
        ]
    )


def _physics_text(found: "PhysicsResult") -> str:
    from landslip.metrics.intervals import format_ends
    from landslip.studies.physics import table_columns, table_rows

    lines = [f"{found.detector} on {found.data}, {found.patches} patches; {found.protocol}", ""]
    lines += align([table_columns(found), *table_rows(found)])
    lines += [
        f"gain of F1 on {gain.fraction:.0%} of the training patches: {gain.f1:+.3f} "
        f"(interval {format_ends(gain.low, gain.high, '+.3f')})"
        for gain in found.gains
    ]
    return "\n".join(lines)
