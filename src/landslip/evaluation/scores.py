"""The figures of predictions by pixel: pooled, by scene, with intervals, by other definitions, and against another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from landslip.evaluation.comparison import Comparison, compare, compare_by_scene
from landslip.evaluation.evaluate import Evaluation, scored
from landslip.evaluation.predictions import Predictions
from landslip.metrics.count_tables import counts_of
from landslip.metrics.counts import DEFINITION
from landslip.metrics.definitions import Ratios, by_definition, definitions_named
from landslip.metrics.intervals import Interval, Units, best_units, intervals

Intervals = dict[str, Interval]
"""By the name of the figure."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What predictions are worth by pixel."""

    evaluation: Evaluation
    protocol: str
    data: str
    seeds: tuple[int, ...]
    unit: str
    """In words: what was drawn for the intervals."""
    intervals: Intervals
    by_scene: dict[str, Intervals]
    also: dict[str, Ratios]
    """By other definitions."""
    also_by_scene: dict[str, dict[str, Ratios]]
    comparison: Comparison | None = None
    comparison_by_scene: dict[str, Comparison] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        made: dict[str, Any] = self.evaluation.as_dict() | {
            "definition": DEFINITION,
            "protocol": self.protocol,
            "data": self.data,
            "seeds": list(self.seeds),
            "intervals": {
                "unit": self.unit,
                "all": _plain(self.intervals),
                "by_scene": {name: _plain(made) for name, made in self.by_scene.items()},
            },
        }
        if self.also:
            definitions = {one.name: one.text for one in definitions_named(self.also)}
            made["also"] = {
                name: ratios.as_dict() | {"definition": definitions[name]} for name, ratios in self.also.items()
            }
            made["also_by_scene"] = {
                scene: {name: ratios.as_dict() for name, ratios in here.items()}
                for scene, here in self.also_by_scene.items()
            }
        if self.comparison is not None:
            made["comparison"] = self.comparison.as_dict()
            made["comparison_by_scene"] = {
                name: one.as_dict() for name, one in (self.comparison_by_scene or {}).items()
            }
        return made


def score(
    predictions: Predictions,
    *,
    also: Sequence[str] = (),
    other: Predictions | None = None,
    units: Units | None = None,
    seed: int = 0,
) -> Scores:
    """Score predictions.

    Args:
        predictions: of one patch or more.
        also: names of other definitions.
        other: predictions of another detector for the same patches, to compare with.
        units: what is drawn for intervals and comparison; blocks where all places are known, else patches, where None.
        seed: of the draws.

    Raises:
        SettingsError: there is no such definition.
        PredictionsError: the other predictions are of other patches or another truth.
    """
    units, counts = units or best_units(predictions.entries), counts_of(predictions)
    scene_of = np.array([entry.scene for entry in predictions.entries])
    here = {scene: np.flatnonzero(scene_of == scene) for scene in predictions.scenes}
    several = len(here) > 1
    return Scores(
        evaluation=scored(predictions),
        protocol=predictions.protocol,
        data=predictions.data,
        seeds=predictions.seeds,
        unit=units.text,
        intervals=intervals(counts, units, seed=seed),
        by_scene={scene: intervals(counts[at], units.take(at), seed=seed) for scene, at in here.items()},
        also=by_definition(predictions, also) if also else {},
        also_by_scene={scene: by_definition(predictions.take(at), also) for scene, at in here.items()} if also else {},
        comparison=None if other is None else compare(predictions, other, units, seed=seed),
        comparison_by_scene=compare_by_scene(predictions, other, units) if other is not None and several else None,
    )


def _plain(made: Intervals) -> dict[str, Any]:
    return {name: interval.as_dict() for name, interval in made.items()}
