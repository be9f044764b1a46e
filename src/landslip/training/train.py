"""The public name of training: ``landslip.train``."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from landslip.training.make import Made
    from landslip.training.recipe.recipe import Recipe


def train(
    recipe: "Recipe | str | Path",
    data: str | Path,
    folder: str | Path,
    *,
    resume: bool = False,
    progress: bool = False,
    unlabelled: str | Path | None = None,
) -> "Made":
    """Train a detector, as ``landslip train`` does.

    Args:
        recipe: a recipe, the name of one that comes with landslip (``default``, ``paper``), or a YAML file.
        data: a set of patches of any kind.
        folder: for the detector, its weights, the log and the pictures; made if need be.
        resume: go on with the run in the folder.
        progress: show bars on stderr.
        unlabelled: patches for self-training, instead of those that the recipe names.

    Raises:
        MissingExtraError: the extra ``train`` is not installed.
        LandslipError: as for ``landslip.training.make.make_detector``.
    """
    from landslip.training.make import make_detector  # noqa: PLC0415 - needs the extra
    from landslip.training.recipe.recipe import read_recipe  # noqa: PLC0415

    chosen = read_recipe(recipe) if isinstance(recipe, str | Path) else recipe
    more = None if unlabelled is None else Path(unlabelled)
    return make_detector(chosen, Path(data), Path(folder), resume=resume, progress=progress, unlabelled=more)
