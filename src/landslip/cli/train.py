"""``landslip train``: from a recipe and labelled patches to a detector."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landslip.cli.options import PATH, json_option, quiet_option, set_option
from landslip.cli.output import print_next
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.training.overfit import OverfitResult
    from landslip.training.single_run import TrainingRun


@click.command("train")
@click.argument("recipe", metavar="[RECIPE]", default="default")
@click.option(
    "--data", type=PATH, metavar="DATA", help="Labelled patches: RGB pictures, Landslide4Sense files or a packed store."
)
@click.option("-o", "--output", "out", type=PATH, metavar="DIR", help="Folder for the results.")
@click.option("--show", is_flag=True, help="Print the recipe with a comment on each key, and exit.")
@set_option
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Random seed; default: the recipe's.")
@click.option("--unlabelled", type=PATH, metavar="DATA", help="Unlabelled patches for self-training.")
@click.option("--resume", is_flag=True, help="Continue the run in the folder, or start it if there is none.")
@click.option(
    "--overfit", type=click.IntRange(1), metavar="N", help="Sanity check: overfit N patches; makes no detector."
)
@quiet_option
@json_option
def command(
    recipe: str,
    data: Path | None,
    out: Path | None,
    show: bool,
    settings: tuple[str, ...],
    seed: int | None,
    unlabelled: Path | None,
    resume: bool,
    overfit: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train a detector on labelled patches.

    RECIPE is a packaged recipe (default, paper, ...) or a YAML file.

    Writes the detector (.onnx), weights.safetensors, the training log, curves.png, samples.png and the whole recipe.
    Needs the extra train: pip install 'landslip[train]'.

    \b
    Example:
      landslip train --show default > mine.yaml             a recipe to start from
      landslip train mine.yaml --data PATCHES -o run/
      landslip train mine.yaml --data PATCHES -o run/ --resume
    """
    from landslip.training.recipe.recipe import read_recipe

    chosen = read_recipe(recipe, settings if seed is None else (*settings, f"seed={seed}"))
    if show:
        from landslip.training.recipe.comments import format_recipe, read_comments
        from landslip.training.recipe.recipe import recipe_text

        click.echo(format_recipe(chosen, read_comments(recipe_text(recipe))), nl=False)
        return
    if data is None or out is None:
        raise click.UsageError("give labelled patches with --data and a folder with --output, or --show")
    with progress_line(quiet=quiet) as progress:
        if overfit is not None:
            from landslip.training.overfit import overfit as overfit_patches

            result = overfit_patches(chosen, data, out, overfit, progress=progress, resume=resume)
        else:
            from landslip.training.train import train

            made = train(chosen, data, out, progress=progress, resume=resume, unlabelled=unlabelled)
    if overfit is not None:
        click.echo(json.dumps(result.as_dict(), indent=2) if as_json else _overfit_text(result, out))
        return
    if as_json:
        click.echo(json.dumps(_as_dict(made), indent=2))
        return
    card = made.detector.card
    click.echo(f"{made.detector_path}  epoch {_best_epoch(made)} selected, threshold {card.threshold:g}")
    for score in card.scores:
        click.echo(f"F1 {score.f1:.3f}  precision {score.precision:.3f}  recall {score.recall:.3f}  {score.data}")
    if card.scores:
        click.echo(f"F1: {card.scores[0].definition}; seed {', '.join(map(str, card.scores[0].seeds))}")
    click.echo(f"split: {made.leaks}")
    click.echo(f"figures: {out / 'curves.png'}, {out / 'samples.png'}")
    print_next("landslip", "map", "SCENE", "--detector", made.detector_path, "-o", "map/")


def _best_epoch(made: "TrainingRun") -> int | None:
    return None if made.history.best is None else made.history.best.epoch


def _as_dict(made: "TrainingRun") -> dict[str, object]:
    return {
        "detector": str(made.detector_path),
        "weights": str(made.weights_path),
        "epoch": _best_epoch(made),
        "threshold": made.detector.card.threshold,
        "scores": [score.model_dump(mode="json") for score in made.detector.card.scores],
        "leaks": made.leaks,
    }


def _overfit_text(found: "OverfitResult", folder: Path) -> str:
    verdict = (
        "the network can fit them" if found.passed else "it did NOT fit them: try more fit.epochs, or another network"
    )
    return (
        f"OVERFITTING TEST, NOT AN ACCURACY: trained and scored on the same {found.patches} patches, no augmentation.\n"
        f"F1 {found.f1:.3f} on the training patches after {found.epochs} epochs: {verdict}.\n"
        f"No detector was made. figures: {folder / 'curves.png'}, {folder / 'samples.png'}"
    )
