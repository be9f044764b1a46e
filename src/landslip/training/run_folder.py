"""The folder of a run: what it leaves there, never over another run, and only the same run goes on in it."""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import torch
import yaml

import landslip
from landslip.datasets.splits import Division
from landslip.errors import OutputError, RecipeError
from landslip.training.loop.devices import is_first
from landslip.training.recipe.recipe import Recipe, first_difference, read_recipe

RECIPE: Final = "recipe.yaml"
RUN: Final = "run.json"
DIVISION: Final = "division.json"
_TAKEN: Final = (RECIPE, RUN, DIVISION, "log.csv", "weights.safetensors", "checkpoints")


def check_free(folder: Path, name: str) -> None:
    """Refuse a folder that a run would write over; of several processes of a run the first one asks.

    Raises:
        OutputError: it holds a run, or is no folder.
    """
    if not is_first():
        return
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is no folder: give another with -o")
    taken = [one for one in (f"{name}.onnx", *_TAKEN) if (folder / one).exists()]
    if taken:
        raise OutputError(
            f"{folder} already holds {taken[0]}: give another folder with -o, or --resume to go on with the run in it"
        )


def start_run(
    folder: Path, recipe: Recipe, keys: Mapping[str, Sequence[str]], division: Division | None, *, resume: bool
) -> None:
    """Write down what a run is before it starts; or make sure that it is the one in the folder. The first process does.

    Args:
        folder: made if need be.
        recipe: every setting is written, also those that were left to their defaults.
        keys: the patches of each part that is learned from or chosen by.
        division: of the set, if there is one.
        resume: whether a run that is there may go on.

    Raises:
        OutputError: the folder holds a run, and it is not to go on.
        RecipeError: it is to go on, but has another recipe or other patches.
    """
    if not is_first():
        return
    about: dict[str, Any] = {
        "landslip": landslip.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "lightning": version("lightning"),
        "threads": torch.get_num_threads(),
        "patches": {
            part: {"count": len(names), "sha256": hashlib.sha256("\n".join(names).encode()).hexdigest()}
            for part, names in keys.items()
        },
    }
    if resume and (folder / RECIPE).exists():
        _check_same(folder, recipe, about)
        return
    check_free(folder, recipe.name)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / RUN, json.dumps(about, indent=1) + "\n")
    if division is not None:
        division.write(folder / DIVISION)
    # Last: a folder with a recipe is one in which a run may go on.
    settings = recipe.model_dump(mode="json")
    _write(folder / RECIPE, yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))


def _check_same(folder: Path, recipe: Recipe, about: Mapping[str, Any]) -> None:
    difference = first_difference(recipe, read_recipe(folder / RECIPE))
    if difference is not None:
        raise RecipeError(
            f"the run in {folder} has another recipe, first in {difference}: resume with {folder / RECIPE}, "
            "or start anew in another folder"
        )
    try:
        there = json.loads((folder / RUN).read_text(encoding="utf-8"))["patches"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{folder / RUN} cannot be read ({error}): start anew in another folder") from error
    other = next((part for part, names in about["patches"].items() if there.get(part) != names), None)
    if other is not None:
        raise RecipeError(
            f"the run in {folder} had other patches to {other} ({there.get(other, {}).get('count')} there, "
            f"{about['patches'][other]['count']} here): resume with the same data, or start anew in another folder"
        )


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
