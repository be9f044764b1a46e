"""Which function does which task. Each room is imported when the first task for it comes."""

import warnings
from collections.abc import Callable
from typing import Any, Never, assert_never

from landslip.page.jobs import tasks

Watch = Callable[[str, int, int], None]


def perform(line: str, watch: Watch) -> dict[str, Any]:
    """Do a task and give its answer as plain values.

    Args:
        line: the task as JSON.
        watch: told of progress.

    Raises:
        LandslipError: it cannot be done, in a sentence for the visitor.
    """
    with warnings.catch_warnings():
        # A library's warning is for whoever works on landslip; what a visitor must know is in the answer.
        warnings.simplefilter("ignore")
        return _done(tasks.ANY_TASK.validate_json(line), watch)


def _done(task: tasks.Task, watch: Watch) -> dict[str, Any]:  # noqa: PLR0911, PLR0912 - one line a task
    # ruff: noqa: PLC0415
    match task:
        case tasks.ReadTask():
            from landslip.page.uploads.rasters import read_uploads

            return read_uploads(task).model_dump(mode="json")
        case tasks.TruthTask():
            from landslip.page.uploads.truth import lay_truth

            return lay_truth(task)
        case tasks.ScoreTask():
            from landslip.page.jobs.scene_maps import score

            return score(task)
        case tasks.MapTask():
            from landslip.page.jobs.scene_maps import map_source

            return map_source(task, watch)
        case tasks.OutlineTask():
            from landslip.page.jobs.scene_maps import outline

            return outline(task)
        case tasks.PictureTask():
            from landslip.page.jobs.pictures import draw_picture

            return draw_picture(task, watch)
        case tasks.SketchTask():
            from landslip.page.jobs.pictures import sketch

            return sketch(task)
        case tasks.DifferenceTask():
            from landslip.page.jobs.scene_maps import differ

            return differ(task)
        case tasks.ProductsTask():
            from landslip.page.jobs.products import make_products

            return make_products(task, watch)
        case tasks.PatchesTask():
            from landslip.page.jobs.patch_maps import map_patch_source

            return map_patch_source(task, watch)
        case tasks.SheetTask():
            from landslip.page.jobs.patch_maps import draw_sheet

            return draw_sheet(task)
        case tasks.PatchProductsTask():
            from landslip.page.jobs.patch_products import make_patch_products

            return make_patch_products(task, watch)
        case tasks.ExploreTask():
            from landslip.page.jobs.explore import explore

            return explore(task, watch)
        case tasks.MosaicTask():
            from landslip.page.jobs.explore import draw_mosaics

            return draw_mosaics(task, watch)
        case tasks.BenchTask():
            from landslip.page.jobs.benchmark import benchmark

            return benchmark(task, watch)
    unknown: Never = task
    assert_never(unknown)
