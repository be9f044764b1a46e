"""``landslip train``: from a recipe and labelled patches to a detector."""

from pathlib import Path

import click


@click.command("train")
@click.argument("recipe_path", metavar="RECIPE", type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder of the RGB patches.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--quiet", is_flag=True, help="No progress bars.")
def command(recipe_path: Path, data: Path, output: Path, quiet: bool) -> None:
    """Train a detector as RECIPE, a YAML file, says; needs the extra train.

    Leaves the detector, its weights, the log and the recipe with every setting in the output folder.
    """
    from landslip.errors import OutputError, require_extra

    require_extra("torch", "train")
    from landslip.training.torchvision_operators import declare_missing_operators

    declare_missing_operators()
    for module in ("segmentation_models_pytorch", "onnxscript", "safetensors", "yaml"):
        require_extra(module, "train")
    from landslip.training.make import make_detector
    from landslip.training.recipe import read_recipe

    recipe = read_recipe(recipe_path)
    if (output / f"{recipe.name}.onnx").exists():
        raise OutputError(f"{output} already holds {recipe.name}.onnx: give another folder with -o")
    made = make_detector(recipe, data, output, progress=not quiet)
    chosen = made.fitted.chosen
    click.echo(f"{made.detector_path}  chosen at epoch {chosen.epoch}, threshold {made.detector.card.threshold:g}")
    for score in made.detector.card.scores:
        click.echo(f"F1 {score.f1:.3f}  precision {score.precision:.3f}  recall {score.recall:.3f}  {score.data}")
    click.echo(f"Next: landslip map SCENE --detector {made.detector_path} -o DIR")
