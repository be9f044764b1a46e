"""Published networks for the view Detectors: downloaded, converted, and offered until the server ends."""

from typing import Any

from landslip.errors import RunError
from landslip.files.progress import Progress
from landslip.page.jobs.tasks import FetchTask, PublishedTask, handles


@handles(PublishedTask)
def list_published(_: PublishedTask, __: Progress) -> dict[str, Any]:
    """List the published networks."""
    from landslip.training.pretrained.published import DEEPSLIDE, SOURCE  # noqa: PLC0415 - needs an extra

    return {"networks": [(f"{SOURCE}/{name}", one.network) for name, one in DEEPSLIDE.items()]}


@handles(FetchTask)
def fetch_detector(task: FetchTask, progress: Progress) -> dict[str, Any]:
    """Download published weights and write them as a detector.

    Raises:
        MissingExtraError: the extra ``train`` is not installed.
        RunError: the weights cannot be downloaded.
    """
    # Only here: training needs an extra.
    from landslip.training.pretrained.importing import import_detector  # noqa: PLC0415
    from landslip.training.pretrained.published import (  # noqa: PLC0415
        fetch_published,
        manual_download,
        published_recipe,
    )

    recipe = published_recipe(task.name)
    try:
        weights = fetch_published(task.name, progress=progress)
    except RunError as error:
        raise RunError(f"{error}. Otherwise {manual_download(task.name)}") from error
    detector = import_detector(weights, recipe, progress=progress).detector
    task.out.mkdir(parents=True, exist_ok=True)
    path = task.out / f"{recipe.name}.onnx"
    path.unlink(missing_ok=True)
    detector.save(path)
    return {"path": str(path)}
