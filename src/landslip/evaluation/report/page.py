"""The report of an evaluation: its sections, headlines, provenance and limitations."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import landslip
from landslip.datasets.patch_set import SYNTHETIC
from landslip.datasets.splits import Part
from landslip.evaluation.objects.inventories import find_inventories
from landslip.evaluation.predict import SYNTHETIC_LABEL
from landslip.evaluation.report.landslides import frequency_section, landslides_section, outlines_section
from landslip.evaluation.report.layout import (
    Headline,
    ReportInput,
    ReportPage,
    Section,
    write_report_files,
)
from landslip.evaluation.report.pixels import (
    HEADS,
    by_scene_section,
    comparison_section,
    definitions_section,
    interval_text,
)
from landslip.evaluation.report.probabilities import (
    calibration_section,
    domain_shift_section,
    threshold_section,
    uncertainty_section,
)
from landslip.evaluation.report.strata import gallery_section, strata_section
from landslip.figures.html_tables import bullet_list, pairs_table
from landslip.files.progress import Progress, no_progress, track
from landslip.metrics.counts import DEFINITION
from landslip.metrics.intervals import FEW_UNITS, count_units, without_interval

NAME = "report"
_PACKAGES = ("numpy", "onnx", "openvino", "onnxruntime", "torch")


@dataclass(frozen=True, slots=True)
class Report:
    """A finished report, as HTML and as data."""

    html: str
    data: dict[str, Any]

    def __repr__(self) -> str:
        return f"Report({len(self.html) / 1e6:.1f} MB of HTML, sections {', '.join(self.data)})"

    def write(self, folder: str | Path) -> tuple[Path, Path]:
        """Write ``report.html`` and ``report.json``, each atomically.

        Raises:
            OutputError: they cannot be written.
        """
        return write_report_files(Path(folder), NAME, self.html, self.data)


def make_report(inputs: ReportInput, progress: Progress = no_progress) -> Report:
    """Make the report of an evaluation.

    Args:
        inputs: predictions, their scores, the patches and the detector's card.
        progress: called with ``("report", sections done, sections)``.

    Raises:
        PatchesError: a patch is damaged.
        PredictionsError: two patches have the same position.
    """
    sections, cautions = tuple(_sections(inputs, progress)), limitations(inputs)
    predictions, card = inputs.predictions, inputs.card
    page = ReportPage(
        kicker="Evaluation of a landslide detector",
        title=predictions.detector if card is None else card.title,
        lead=f"{predictions.detector} on {predictions.data or 'patches'}",
        notes=(
            predictions.protocol or "protocol not recorded",
            f"F1, precision, recall and IoU, unless noted otherwise: {DEFINITION}",
        ),
        cautions=cautions,
        headlines=tuple(_headlines(inputs, sections)),
        sections=sections,
        attribution=() if card is None else card.attribution,
    )
    data = {"landslip": landslip.__version__, "created": datetime.now(UTC).isoformat(), "limitations": list(cautions)}
    return Report(page.html(), data | {one.key: one.data for one in sections})


def _sections(inputs: ReportInput, progress: Progress) -> Iterator[Section]:
    found = find_inventories(inputs.predictions)
    makers: tuple[Callable[[], Section | None], ...] = (
        lambda: by_scene_section(inputs),
        lambda: definitions_section(inputs),
        lambda: comparison_section(inputs),
        lambda: landslides_section(found),
        lambda: outlines_section(inputs),
        lambda: frequency_section(inputs, found),
        lambda: calibration_section(inputs),
        lambda: threshold_section(inputs),
        lambda: strata_section(inputs),
        lambda: gallery_section(inputs),
        lambda: uncertainty_section(inputs),
        lambda: domain_shift_section(inputs),
        lambda: provenance_section(inputs),
    )
    for make in track(makers, progress, "report"):
        section = make()
        if section is not None:
            yield section


def _headlines(inputs: ReportInput, sections: Sequence[Section]) -> Iterator[Headline]:
    """Each metric with its interval, and the number of landslides."""
    made = inputs.scores.intervals
    for key, name in HEADS.items():
        yield Headline(name, f"{made[key].value:.3f}", interval_text(made[key]))
    objects = next(one.data["all"] for one in sections if one.key == "landslides")
    yield Headline("Landslides detected", f"{objects['matches']:,}", f"of {objects['reference']:,} in the reference")
    yield Headline("False alarms", f"{objects['false_alarms']:,}", f"of {objects['mapped']:,} mapped landslides")


def provenance_section(inputs: ReportInput) -> Section:
    """Make the section on data, detector, recipe, seeds and versions."""
    predictions, card = inputs.predictions, inputs.card
    versions = {"landslip": landslip.__version__} | dict(_versions())
    pairs = [
        ("Data", predictions.data or "not recorded"),
        ("Patches", f"{len(predictions):,} of scenes {', '.join(predictions.scenes)}"),
        ("Protocol", predictions.protocol or "not recorded"),
        ("Pixel size", f"{predictions.pixel_size_m:g} m"),
        ("Detector", predictions.detector),
        ("Threshold", _threshold(inputs)),
        ("Temperature", f"{predictions.temperature:g}"),
        ("Seeds", ", ".join(map(str, predictions.seeds)) or "not recorded"),
        ("SHA-256 of the detector", predictions.sha256 or "not recorded"),
    ]
    html = ""
    if card is not None:
        pairs += [
            ("Architecture", card.architecture),
            ("Channels", ", ".join(card.channels)),
            ("Training data", card.trained_on),
            ("Normalisation", card.normalisation.description),
            ("Licence", card.licence),
        ]
        html = f"<h3>Not suitable for</h3>{bullet_list(card.not_good_for)}"
    recipe = predictions.recipe or (None if card is None else card.recipe)
    if recipe:
        text = escape(json.dumps(recipe, indent=2, ensure_ascii=False))
        html += f'<details><summary>Training recipe</summary><pre class="recipe"><code>{text}</code></pre></details>'
    pairs.append(("Versions", ", ".join(f"{name} {number}" for name, number in versions.items())))
    data = {
        "data": predictions.data,
        "protocol": predictions.protocol,
        "patches": len(predictions),
        "scenes": list(predictions.scenes),
        "pixel_size_m": predictions.pixel_size_m,
        "detector": predictions.detector,
        "threshold": predictions.threshold,
        "temperature": predictions.temperature,
        "seeds": list(predictions.seeds),
        "sha256": predictions.sha256,
        "versions": versions,
        "recipe": recipe,
        "card": None if card is None else card.model_dump(mode="json"),
    }
    return Section("provenance", "Data, detector and versions", pairs_table(pairs) + html, data)


def limitations(inputs: ReportInput) -> tuple[str, ...]:
    """Return the limitations that must be known to interpret the figures, in sentences."""
    predictions, made = inputs.predictions, []
    if SYNTHETIC_LABEL in predictions.data.lower():
        made.append(f"The data are synthetic. {SYNTHETIC} Accuracy on them does not transfer to real landslides.")
    interval = inputs.scores.intervals["f1"]
    if not interval.is_given:
        made.append(f"{without_interval(interval.unit, interval.units).capitalize()}.")
    elif interval.few_units:
        made.append(
            f"The intervals are resampled from {count_units(interval.units, interval.unit)}, fewer than {FEW_UNITS}: "
            "they are unreliable."
        )
    made += _training_overlap(inputs)
    if not any((mask == 1).any() for mask in predictions.masks):
        made.append("The reference holds no landslide: recall and F1 are not meaningful.")
    return tuple(made)


def _training_overlap(inputs: ReportInput) -> Iterator[str]:
    """Warn of patches with scenes and rows that the card's recipe names as training or validation part."""
    recipe = {} if inputs.card is None else inputs.card.recipe
    for key, use in (("train", "training"), ("validation", "validation")):
        try:
            part = Part.model_validate(recipe.get(key))
        except ValidationError:
            continue
        if part.parts or part == Part():
            continue
        inside = sum(part.contains(entry) for entry in inputs.predictions.entries)
        if inside:
            yield (
                f"{inside:,} of these {len(inputs.predictions):,} patches lie in {part}, the {use} part of the "
                "detector: if this is the data set it was trained on, the scores are optimistic"
            )


def _threshold(inputs: ReportInput) -> str:
    own, card = inputs.predictions.thresholds, inputs.card
    if own is not None:
        return f"{own.min():g} to {own.max():g}: each fold at its own, chosen on its validation part"
    threshold = f"{inputs.predictions.threshold:g}"
    if card is None:
        return threshold
    if abs(card.threshold - inputs.predictions.threshold) > 1e-9:
        return f"{threshold} (given; the detector's own is {card.threshold:g})"
    return f"{threshold}; {card.threshold_selection}"


def _versions() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue
