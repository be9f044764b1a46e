"""What is asked of an evaluation, turned into predictions: a detector to run, or a file of what one said before."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from landslip.datasets.formats import MARK
from landslip.datasets.patch_set import PatchSet
from landslip.datasets.splits import Part
from landslip.detector.detector import Detector
from landslip.errors import PredictionsError
from landslip.evaluation.predictions import Predictions, load_predictions, predict
from landslip.inference.engine import Precision

SYNTHETIC_LABEL = "synthetic"


def data_label(path: Path) -> str:
    """What a set of patches is called in results: the name of its folder, and that it is synthetic if it is."""
    name = path.resolve().name
    return f"{name} ({SYNTHETIC_LABEL})" if (path / MARK).is_file() else name


def said_by(
    source: str,
    patches: PatchSet[Any],
    *,
    data: str,
    part: Part | None = None,
    threshold: float | None = None,
    engine: str = "auto",
    precision: Precision = "float32",
    progress: bool = False,
) -> Predictions:
    """What a detector says, or said, about patches.

    Args:
        source: name or file of a detector, or a file of predictions (``.npz``).
        patches: those that are asked about.
        data: what they are called.
        part: which part of the data they are, for the record.
        threshold: between 0 and 1; the detector's own where None.
        engine: as for a map.
        precision: as for a map.
        progress: show a bar on stderr when it takes over two seconds.

    Raises:
        PredictionsError: the file lacks some of the patches.
        DetectorError: there is no such detector.
        ChannelError: the patches lack a channel that the detector needs.
        PatchesError: there is no patch, or no pixel has a known truth.
        SettingsError: the threshold is not between 0 and 1.
    """
    named = data if part is None or part == Part() else f"{data}, {part}"
    if Path(source).suffix != ".npz":
        detector = Detector.open(source)
        return predict(
            detector,
            patches,
            threshold=threshold,
            protocol=f"the detector as it is, trained on {detector.card.trained_on}",
            data=named,
            engine=engine,
            precision=precision,
            progress=progress,
        )
    chosen, _ = matched(load_predictions(Path(source)), patches)
    if not len(chosen):
        raise PredictionsError(f"{source} holds none of these patches: give the patches that were predicted")
    chosen = replace(chosen, data=chosen.data if part is None or part == Part() else f"{chosen.data}, {part}")
    return chosen if threshold is None else chosen.at(threshold)


def matched(predictions: Predictions, patches: PatchSet[Any]) -> tuple[Predictions, PatchSet[Any]]:
    """The predictions and the patches that there are of both, in the order of the set."""
    position = {(entry.split, entry.id): place for place, entry in enumerate(predictions.entries)}
    both = patches.where(lambda entry: (entry.split, entry.id) in position)
    order = np.array([position[entry.split, entry.id] for entry in both.entries], np.intp)
    return predictions.take(order), both
