"""What networks of a recipe said of scenes that they had not learned from: by it, too, a threshold may be chosen.

On ground like that which was learned from the best threshold is one, on new ground another, often far lower. A protocol
that leaves a scene out (``landslip evaluate --protocol scene-out``) is the one place where the second shows.
"""

from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from landslip.datasets.division import key_of
from landslip.errors import RecipeError
from landslip.evaluation.predictions import Predictions, load_predictions
from landslip.metrics.counts import LevelCounts


def unseen_ground(files: Sequence[str], reported: Set[str]) -> Mapping[str, Sequence[LevelCounts]]:
    """Pixels by what was said of them and what they are, scene by scene, by who said it of which scenes.

    Args:
        files: of predictions.
        reported: keys of patches that will be reported, such as ``train/42``: they choose nothing.

    Raises:
        PredictionsError: a file cannot be read, or is no such file.
        RecipeError: a file is not of a protocol that leaves scenes out, or a scene is left without a landslide.
    """
    found: dict[str, Sequence[LevelCounts]] = {}
    for name in files:
        said = load_predictions(Path(name))
        if not said.protocol.startswith("scene-out"):
            raise RecipeError(
                f"finish.unseen names {name}, predictions of the protocol '{said.protocol}': give those of landslip "
                "evaluate --protocol scene-out, where each scene is seen by networks that had not learned from it"
            )
        free = said.where(lambda entry: key_of(entry) not in reported)
        counts = [_counts(free, scene) for scene in said.scenes]
        if missing := [scene for scene, one in zip(said.scenes, counts, strict=True) if not one.landslide.any()]:
            raise RecipeError(f"{name} holds no landslide of scene {missing[0]} beside what is reported: leave it out")
        scenes, seeds = ", ".join(said.scenes), ", ".join(map(str, said.seeds))
        title = (
            f"the scenes {scenes} as networks of {said.detector} saw them that learned from the others (seed {seeds})"
        )
        found[title] = counts
    return found


def _counts(said: Predictions, scene: str) -> LevelCounts:
    here = said.where(lambda entry: entry.scene == scene)
    return LevelCounts.of_levels(here.levels, here.masks)
