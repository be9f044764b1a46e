"""The public functions on labelled patches: open, train, evaluate."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landslip.api import DetectorLike, PathLike, as_detector
from landslip.files.progress import Progress, no_progress

if TYPE_CHECKING:
    from landslip.datasets.patch_set import PatchSet
    from landslip.evaluation.evaluate import Evaluation
    from landslip.inference.engine import Precision
    from landslip.training.recipe.recipe import Recipe
    from landslip.training.train import TrainingRun


def open_patches(folder: PathLike) -> "PatchSet[Any]":
    """Open a set of labelled patches: Landslide4Sense files, RGB patches, or a packed store.

    Args:
        folder: of the set.

    Returns:
        The patches, read when touched; ``.as_torch()`` gives a ``torch.utils.data.Dataset``.

    Raises:
        PatchesError: the folder holds no set of patches, or a damaged one.

    Example:
        >>> patches = open_patches("examples/l4s-rgb-scene-b")
        >>> len(patches), next(iter(patches)).values.shape
        (56, (3, 128, 128))
    """
    from landslip.datasets.formats import open_patches as open_folder  # noqa: PLC0415

    return open_folder(Path(folder))


def train(
    recipe: "Recipe | PathLike | dict[str, Any]",
    data: PathLike,
    out: PathLike,
    *,
    resume: bool = False,
    progress: Progress = no_progress,
) -> "TrainingRun":
    """Train a detector; ``landslip train`` does the same.

    Args:
        recipe: a recipe, the name of a packaged one (``default``, ``paper``), the path of a YAML file, or a dict.
        data: folder of labelled patches.
        out: folder for the detector, its weights, the log and the pictures; created if missing.
        resume: continue the run in the folder.
        progress: told of progress.

    Returns:
        The run: ``.detector``, ``.detector_path``, ``.weights_path`` and ``.network()``, the trained ``nn.Module``.

    Raises:
        MissingExtraError: the extra ``train`` is not installed.
        RecipeError: the recipe is wrong.
        PatchesError: the data are damaged, or too few for the recipe.
        RunError: training or export failed.
    """
    from landslip.training.train import train as run  # noqa: PLC0415 - imports torch

    return run(recipe, data, out, resume=resume, progress=progress)


def evaluate(
    data: "PatchSet[Any] | PathLike",
    detector: DetectorLike = None,
    *,
    scene: str | Sequence[str] | None = None,
    rows: tuple[int, int] | str | None = None,
    split: str | None = None,
    threshold: float | None = None,
    engine: str = "auto",
    precision: "Precision" = "auto",
    threads: int | None = None,
    progress: Progress = no_progress,
) -> "Evaluation":
    """Score a detector on labelled patches; ``landslip evaluate`` gives the same figures.

    F1 is that of the landslide class, with counts pooled over all pixels of all patches.

    Args:
        data: labelled patches, or their folder.
        detector: to be scored.
        scene: only patches of this scene, or of these.
        rows: only these rows of patches, first and last, as ``(50, 57)`` or ``"50-57"``.
        split: ``train``, ``validation`` or ``test`` of a published data set; needed where several splits have masks
            and neither ``scene`` nor ``rows`` is given.
        threshold: decision threshold; the detector's where None.
        engine: see ``predict``.
        precision: see ``predict``.
        threads: see ``predict``.
        progress: told of progress.

    Raises:
        ChannelError: the patches lack a channel of the detector.
        PatchesError: no patch is left, no pixel has a label, or ``split`` must be given.
        SettingsError: the threshold is not in 0..1.

    Example:
        >>> evaluate("examples/l4s-rgb-scene-b", "s2-rgb").f1 > 0.1
        True
    """
    from landslip.datasets.splits import Part, rows_from_text  # noqa: PLC0415
    from landslip.evaluation.evaluate import evaluate as score  # noqa: PLC0415
    from landslip.evaluation.predict import select_patches  # noqa: PLC0415
    from landslip.inference.engine import InferenceOptions  # noqa: PLC0415

    patches = open_patches(data) if isinstance(data, str | Path) else data
    if scene is None:
        scene = ()
    elif isinstance(scene, str):
        scene = (scene,)
    scenes = tuple(scene)
    part = Part(scenes=scenes, rows=rows_from_text(rows) if isinstance(rows, str) else rows)
    return score(
        as_detector(detector),
        select_patches(patches, part, split),
        threshold=threshold,
        options=InferenceOptions(engine=engine, precision=precision, threads=threads),
        progress=progress,
    )
