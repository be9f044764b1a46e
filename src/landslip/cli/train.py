"""``landslip train``: from a recipe and labelled patches to a detector."""

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from landslip.training.make import Made
    from landslip.training.overfit import Overfitted


@click.command("train")
@click.argument("recipe", metavar="NAME|FILE", default="default")
@click.option("--data", type=click.Path(path_type=Path), help="Patches: pictures, Landslide4Sense files, or a store.")
@click.option("-o", "--out", "folder", type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--show", is_flag=True, help="Print the recipe with a comment a line, and do nothing else.")
@click.option("--set", "settings", multiple=True, metavar="KEY.PATH=VALUE", help="Change a setting; may be repeated.")
@click.option("--seed", type=click.IntRange(0), help="Instead of the recipe's.")
@click.option("--unlabelled", type=click.Path(path_type=Path), help="Patches without truth, for self-training.")
@click.option("--resume", is_flag=True, help="Go on with the run in the folder; start it if there is none.")
@click.option(
    "--overfit", type=click.IntRange(1), metavar="N",
    help="Ask whether the network can learn N patches by heart: train and score on the same ones.",
)  # fmt: skip
@click.option("--quiet", is_flag=True, help="No progress bars.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program.")
def command(
    recipe: str,
    data: Path | None,
    folder: Path | None,
    show: bool,
    settings: tuple[str, ...],
    seed: int | None,
    unlabelled: Path | None,
    resume: bool,
    overfit: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train a detector by a recipe: a packaged one by NAME (default, paper, ...), or a YAML FILE.

    \b
    landslip train --show default > mine.yaml               a recipe to start from
    landslip train mine.yaml --data PATCHES -o run/          trains it
    landslip train mine.yaml --data PATCHES -o run/ --resume goes on after an interruption

    Leaves in the folder the detector (.onnx), its weights, the log, curves.png, samples.png and the whole recipe.
    """

    from landslip.training.recipe.recipe import read_recipe

    chosen = read_recipe(recipe, settings if seed is None else (*settings, f"seed={seed}"))
    if show:
        from landslip.training.recipe.comments import commented, words_of
        from landslip.training.recipe.recipe import recipe_text

        click.echo(commented(chosen, words_of(recipe_text(recipe))), nl=False)
        return
    if data is None or folder is None:
        raise click.UsageError("give the patches with --data and a folder for the results with -o, or --show")
    if overfit is not None:
        from landslip.training.overfit import overfit as overfit_patches

        learned = overfit_patches(chosen, data, folder, overfit, progress=not quiet, resume=resume)
        click.echo(json.dumps(learned.as_dict(), indent=2) if as_json else _overfitted_text(learned, folder))
        return
    from landslip.training.make import make_detector

    made = make_detector(chosen, data, folder, progress=not quiet, resume=resume, unlabelled=unlabelled)
    if as_json:
        click.echo(json.dumps(_as_dict(made), indent=2))
    else:
        _say(made, folder)


def _as_dict(made: "Made") -> dict[str, object]:
    return {
        "detector": str(made.detector_path),
        "weights": str(made.weights_path),
        "epoch": made.fitted.chosen.epoch,
        "threshold": made.detector.card.threshold,
        "scores": [score.model_dump(mode="json") for score in made.detector.card.scores],
    }


def _say(made: "Made", folder: Path) -> None:
    card = made.detector.card
    click.echo(f"{made.detector_path}  chosen at epoch {made.fitted.chosen.epoch}, threshold {card.threshold:g}")
    for score in card.scores:
        click.echo(f"F1 {score.f1:.3f}  precision {score.precision:.3f}  recall {score.recall:.3f}  {score.data}")
    if card.scores:
        click.echo(f"F1: {card.scores[0].definition}; seed {', '.join(map(str, card.scores[0].seeds))}")
    click.echo(f"look at  {folder / 'curves.png'}  and  {folder / 'samples.png'}")
    following = ["landslip", "map", "SCENE", "--detector", str(made.detector_path), "-o", "DIR"]
    click.echo(f"\nNext: {shlex.join(following)}")


def _overfitted_text(learned: "Overfitted", folder: Path) -> str:
    count = learned.patches
    verdict = "It can learn them" if learned.learned else "It did NOT learn them: more fit.epochs, or another network"
    return (
        f"OVERFITTING TEST, NO ACCURACY: trained on {count} patches and scored on the same {count}, unaugmented.\n"
        f"F1 {learned.f1:.3f} on what it was trained on, after {learned.epochs} epochs. {verdict}.\n"
        "This says nothing about any other patch; no detector was made.\n"
        f"look at  {folder / 'curves.png'}  and  {folder / 'samples.png'}"
    )
