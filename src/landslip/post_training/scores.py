"""A measured score in the form in which a card carries it."""

from collections.abc import Sequence

from landslip.detector.card import Score
from landslip.evaluation.evaluate import Evaluation
from landslip.metrics.counts import DEFINITION, f1_interval


def score_of(evaluation: Evaluation, *, data: str, protocol: str, seeds: Sequence[int] = ()) -> Score:
    """The score of an evaluation, with a bootstrap interval of its F1 over patches.

    Args:
        evaluation: of the detector on one part.
        data: which patches, in words.
        protocol: what the patches are to the detector, in words.
        seeds: of its training.
    """
    low, high = f1_interval([score.counts for score in evaluation.patches])
    counts = evaluation.pixel
    return Score(
        data=data,
        protocol=protocol,
        definition=DEFINITION,
        precision=round(counts.precision, 4),
        recall=round(counts.recall, 4),
        f1=round(counts.f1, 4),
        iou=round(counts.iou, 4),
        f1_interval=(round(low, 4), round(high, 4)),
        patches=len(evaluation.patches),
        seeds=tuple(seeds),
    )
