"""Puts the sections of a report together."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import landslip
from landslip.evaluation.report.landslides import (
    frequency_section,
    inventories,
    landslides_section,
    outlines_section,
)
from landslip.evaluation.report.origin import cautions, origin_section
from landslip.evaluation.report.pixels import by_scene_section, comparison_section, definitions_section
from landslip.evaluation.report.probabilities import (
    calibration_section,
    familiarity_section,
    threshold_section,
    uncertainty_section,
)
from landslip.evaluation.report.sheet import Asked, Headline, Section, Sheet, from_to, write_pair
from landslip.evaluation.report.strata import gallery_section, strata_section
from landslip.metrics.counts import DEFINITION

Watch = Callable[[str, int, int], None]

NAME = "report"


@dataclass(frozen=True, slots=True)
class Report:
    """A finished report."""

    html: str
    data: dict[str, Any]

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write ``report.html`` and ``report.json``; a file is whole or not there.

        Raises:
            OutputError: they cannot be written.
        """
        return write_pair(folder, NAME, self.html, self.data)


def make_report(asked: Asked, watch: Watch = lambda doing, done, total: None) -> Report:
    """Make a report of predictions.

    Args:
        asked: what it is made from.
        watch: told which section is being made, how many are done and how many there are.

    Raises:
        PatchesError: a patch is damaged.
        PredictionsError: two patches have one place.
    """
    sections, said = tuple(_sections(asked, watch)), cautions(asked)
    predictions, card = asked.predictions, asked.card
    sheet = Sheet(
        kicker="Evaluation of a landslide detector",
        title=predictions.detector if card is None else card.title,
        lead=f"{predictions.detector} on {predictions.data or 'patches'}",
        notes=(
            predictions.protocol or "protocol not said",
            f"F1, precision, recall and IoU: {DEFINITION}, unless said otherwise",
        ),
        cautions=said,
        headlines=tuple(_headlines(asked, sections)),
        sections=sections,
        attribution=() if card is None else card.attribution,
    )
    data = {"landslip": landslip.__version__, "created": datetime.now(UTC).isoformat(), "cautions": list(said)}
    return Report(sheet.html(), data | {one.key: one.data for one in sections})


def _sections(asked: Asked, watch: Watch) -> Iterator[Section]:
    found = inventories(asked)
    makers: tuple[Callable[[], Section | None], ...] = (
        lambda: by_scene_section(asked),
        lambda: definitions_section(asked),
        lambda: comparison_section(asked),
        lambda: landslides_section(asked, found),
        lambda: outlines_section(asked),
        lambda: frequency_section(asked, found),
        lambda: calibration_section(asked),
        lambda: threshold_section(asked),
        lambda: strata_section(asked),
        lambda: gallery_section(asked),
        lambda: uncertainty_section(asked),
        lambda: familiarity_section(asked),
        lambda: origin_section(asked),
    )
    for done, make in enumerate(makers, 1):
        section = make()
        watch("writing the report", done, len(makers))
        if section is not None:
            yield section


def _headlines(asked: Asked, sections: Sequence[Section]) -> Iterator[Headline]:
    """Each figure with its interval."""
    made = asked.scores.intervals
    for key, name in (("f1", "F1"), ("precision", "Precision"), ("recall", "Recall"), ("iou", "IoU")):
        yield Headline(name, f"{made[key].value:.3f}", from_to(made[key].low, made[key].high))
    objects = next(one.data["all"] for one in sections if one.key == "landslides")
    yield Headline("Landslides found", f"{objects['pairs']:,}", f"of {objects['truth']:,} true ones")
    yield Headline("False alarms", f"{objects['false_alarms']:,}", f"of {objects['mapped']:,} mapped ones")
