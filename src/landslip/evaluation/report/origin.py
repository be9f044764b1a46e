"""The section on where everything comes from: data, protocol, recipe, seeds, versions; and what to beware of."""

import json
from collections.abc import Iterator
from html import escape
from importlib.metadata import PackageNotFoundError, version

from pydantic import ValidationError

import landslip
from landslip.datasets.formats import SYNTHETIC
from landslip.datasets.splits import Part
from landslip.evaluation.report.sheet import Asked, Section
from landslip.evaluation.resolve import SYNTHETIC_LABEL
from landslip.figures.html_tables import bullet_list, pairs_table
from landslip.metrics.intervals import FEW

_PACKAGES = ("numpy", "onnx", "openvino", "onnxruntime", "torch")


def origin_section(asked: Asked) -> Section:
    """Data, detector, recipe, seeds, versions."""
    predictions, card = asked.predictions, asked.card
    versions = {"landslip": landslip.__version__} | dict(_versions())
    pairs = [
        ("Data", predictions.data or "not said"),
        ("Patches", f"{len(predictions):,} of scenes {', '.join(predictions.scenes)}"),
        ("Protocol", predictions.protocol or "not said"),
        ("Pixels", f"{predictions.pixel_size_m:g} m"),
        ("Detector", predictions.detector),
        ("Threshold", _threshold(asked)),
        ("Temperature", f"{predictions.temperature:g}"),
        ("Seeds", ", ".join(map(str, predictions.seeds)) or "not said"),
        ("SHA-256 of the detector", predictions.sha256 or "not said"),
    ]
    html = ""
    if card is not None:
        pairs += [
            ("Network", card.network),
            ("Sees", ", ".join(card.channels)),
            ("Trained on", card.trained_on),
            ("Normalisation", card.normalisation.text),
            ("Licence", card.licence),
        ]
        html = f"<h3>What the detector is not good for</h3>{bullet_list(card.not_good_for)}"
    recipe = predictions.recipe or (None if card is None else card.recipe)
    if recipe:
        text = escape(json.dumps(recipe, indent=2, ensure_ascii=False))
        html += f'<details><summary>The whole recipe</summary><pre class="recipe"><code>{text}</code></pre></details>'
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
    return Section("origin", "Where these figures come from", pairs_table(pairs) + html, data)


def cautions(asked: Asked) -> tuple[str, ...]:
    """What a reader must know before reading a figure."""
    predictions, made = asked.predictions, []
    if SYNTHETIC_LABEL in predictions.data.lower():
        made.append(f"The data are synthetic. {SYNTHETIC} An accuracy on them says nothing about real landslides.")
    if asked.scores.intervals["f1"].few:
        unit = asked.scores.intervals["f1"]
        made.append(f"The intervals rest on {unit.units} {unit.unit}s, fewer than {FEW}: they are guesses.")
    made += _learned(asked)
    if not any((mask == 1).any() for mask in predictions.masks):
        made.append("The truth holds no landslide: recall and F1 say nothing here.")
    return tuple(made)


def _learned(asked: Asked) -> Iterator[str]:
    """Whether patches bear the scenes and rows that the recipe in the card learned from or chose by."""
    recipe = {} if asked.card is None else asked.card.recipe
    for key, what in (("train", "learned from"), ("validation", "chose epoch and threshold by")):
        try:
            part = Part.model_validate(recipe.get(key))
        except ValidationError:
            continue
        if part.parts or part == Part():
            continue
        inside = sum(part.holds(entry) for entry in asked.predictions.entries)
        if inside:
            yield (
                f"{inside:,} of these {len(asked.predictions):,} patches lie in {part}, which the detector {what}: if "
                "these are the data that it was trained on, the figures flatter"
            )


def _threshold(asked: Asked) -> str:
    own = asked.predictions.thresholds
    if own is not None:
        return f"{own.min():g} to {own.max():g}: of each fold its own, chosen on its own validation part"
    chosen = "" if asked.card is None else f"; {asked.card.threshold_chosen}"
    given = asked.card is not None and abs(asked.card.threshold - asked.predictions.threshold) > 1e-9
    return f"{asked.predictions.threshold:g}" + (" (given, not the detector's own)" if given else chosen)


def _versions() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue
