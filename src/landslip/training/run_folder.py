"""The folder of a run: settings and versions are written first; an existing run is resumed, never overwritten."""

import hashlib
import json
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import torch
import yaml

import landslip
from landslip.datasets.splits import Division
from landslip.errors import OutputError, RecipeError
from landslip.files.atomic import write_text
from landslip.training.loop.devices import is_rank_zero
from landslip.training.recipe.recipe import Recipe, first_difference, read_recipe

RECIPE: Final = "recipe.yaml"
RUN: Final = "run.json"
DIVISION: Final = "division.json"
WEIGHTS: Final = "weights.safetensors"
FAILED_EXPORT: Final = "failed-export.onnx"
"""Bare graph of an export that differs from its network; it has no card and is not a detector."""
_FILES: Final = (RECIPE, RUN, DIVISION, "log.csv", WEIGHTS, "checkpoints")
_OTHER_FILES: Final = ("tensorboard", "curves.png", "samples.png")


def check_folder_free(folder: Path, name: str) -> None:
    """Check that a folder holds no run (in the first process of a run).

    Raises:
        OutputError: it holds one, or is not a folder.
    """
    if not is_rank_zero():
        return
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is not a folder: give another", parameter="folder")
    existing = [one for one in (f"{name}.onnx", *_FILES) if (folder / one).exists()]
    if existing:
        raise OutputError(
            f"{folder} already holds {existing[0]}: give another folder, or set resume to continue the run in it",
            parameter="folder",
        )


@contextmanager
def free_after_failed_start(folder: Path, checkpoint: Path) -> Iterator[None]:
    """Remove the files of a run that fails before its first checkpoint, so that its folder can be used again.

    Files that were in the folder before are kept.

    Args:
        folder: of the run.
        checkpoint: file that shows that the run can be resumed.
    """
    is_new = not folder.exists()
    before = set() if is_new else {path.name for path in folder.iterdir()}
    try:
        yield
    except BaseException:
        if is_rank_zero() and not checkpoint.exists():
            for path in (folder / name for name in (*_FILES, *_OTHER_FILES) if name not in before):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
            if is_new and folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        raise


def start_run(
    folder: Path,
    recipe: Recipe,
    keys: Mapping[str, Sequence[str]],
    division: Division | None,
    *,
    resume: bool,
    leaks: str | None = None,
) -> None:
    """Write what defines a run before it starts, or check that the folder holds the same run (in the first process).

    Args:
        folder: created if missing.
        recipe: written with all settings, also the defaults.
        keys: patches of the train and validation parts.
        division: of the set, if there is one.
        resume: whether an existing run is continued.
        leaks: sentence on leaks between the parts.

    Raises:
        OutputError: the folder holds a run that is not to be resumed.
        RecipeError: the run to resume has another recipe or other patches.
    """
    if not is_rank_zero():
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
    } | ({} if leaks is None else {"leaks": leaks})
    if resume and (folder / RECIPE).exists():
        _check_same(folder, recipe, about)
        return
    check_folder_free(folder, recipe.name)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / RUN, json.dumps(about, indent=1) + "\n")
    if division is not None:
        division.write(folder / DIVISION)
    # Last: a folder with a recipe can be resumed.
    settings = recipe.model_dump(mode="json")
    write_text(folder / RECIPE, yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))


def _check_same(folder: Path, recipe: Recipe, about: Mapping[str, Any]) -> None:
    difference = first_difference(recipe, read_recipe(folder / RECIPE))
    if difference is not None:
        raise RecipeError(
            f"the run in {folder} has another recipe, first in {difference}: resume with {folder / RECIPE}, "
            "or train in another folder",
            parameter="recipe",
        )
    try:
        stored = json.loads((folder / RUN).read_text(encoding="utf-8"))["patches"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{folder / RUN} cannot be read ({error}): train in another folder") from error
    other = next((part for part, names in about["patches"].items() if stored.get(part) != names), None)
    if other is not None:
        raise RecipeError(
            f"the run in {folder} has other patches in {other} ({stored.get(other, {}).get('count')} there, "
            f"{about['patches'][other]['count']} here): resume with the same data, or train in another folder",
            parameter="data",
        )
