"""A finished map against a truth, by the call that ``landslip evaluate --map --truth`` makes."""

from typing import Any

import numpy as np

from landslip.evaluation.reference.score import score_map
from landslip.mapping.finished_map import open_map
from landslip.metrics.counts import LevelCounts
from landslip.page import messages as words
from landslip.page.jobs.results import Scored
from landslip.page.jobs.tasks import ScoreTask
from landslip.probability import NOT_OBSERVED


def score(task: ScoreTask) -> dict[str, Any]:
    """Score a map at a threshold; gives ``Scored``.

    Raises:
        TruthError: map and truth do not fit together.
    """
    found = score_map(open_map(task.map_folder), task.mask, threshold=task.threshold)
    levels = found.predictions.levels
    # Landslides that the map did not observe count as missed, at every threshold.
    counts = LevelCounts.of_levels(np.where(levels == NOT_OBSERVED, 0, levels), found.predictions.masks)
    interval, objects = found.intervals()["f1"], found.objects()
    scored = Scored(
        landslide=tuple(counts.landslide.tolist()),
        other=tuple(counts.other.tolist()),
        f1_interval=(interval.low, interval.high),
        blocks=interval.units,
        few_blocks=interval.few,
        true_landslides=objects.truth,
        mapped_landslides=objects.mapped,
        pairs=objects.pairs,
        least_iou=objects.least_iou,
        touched=objects.touched_truth,
        notes=tuple(words.for_the_page(note) for note in found.notes),
    )
    return scored.model_dump(mode="json")
