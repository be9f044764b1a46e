"""``landslip detector show``: show the card of a detector."""

import json
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from landslip.cli.options import json_option
from landslip.cli.output import print_next

if TYPE_CHECKING:
    from landslip.detector.card import Card, Score
    from landslip.detector.detector import Detector

_WIDTH: Final = 100
_LABEL: Final = 16


@click.command("show")
@click.argument("detector", metavar="DETECTOR")
@json_option
def command(detector: str, as_json: bool) -> None:
    """Show the card of a detector: inputs, normalisation, training data, scores with protocol, limits, licence."""
    from landslip.detector.detector import Detector

    opened = Detector.open(detector)
    if as_json:
        card = opened.card.model_dump(mode="json")
        record = opened.precisions.model_dump(mode="json") if opened.precisions else None
        file = {"sha256": opened.sha256, "size_bytes": len(opened.onnx_bytes), "precisions": record}
        click.echo(json.dumps(card | file, indent=2))
        return
    click.echo(card_text(opened))
    print_next("landslip", "map", "SCENE", "--detector", detector, "-o", "map/")


def card_text(detector: "Detector") -> str:
    """Lay out the card of a detector as lines of text."""
    card = detector.card
    channels = ", ".join(f"{name} ({unit})" for name, unit in zip(card.channels, card.units, strict=True))
    rows = [
        ("network", f"{card.architecture}, {detector.size_mb:.1f} MB"),
        *_cost(card),
        ("inputs", f"{channels} at {card.pixel_size_m:g} m"),
        ("normalisation", card.normalisation.description),
        ("tiles", f"{card.tile_px} px with {card.overlap_px} px overlap"),
        ("threshold", f"{card.threshold:g}: {card.threshold_selection}"),
        ("temperature", f"{card.temperature:g}"),
        ("confidence", card.confidence.description if card.confidence else "mean probability inside the polygon"),
        ("ranges", _ranges(card)),
        ("trained on", card.trained_on),
        *_adapted(card),
        *_finetuned(card),
        *_quantised(card),
        *_precisions(detector),
        *(("score", _score(score)) for score in card.scores),
        *(("not good for", text) for text in card.not_good_for),
        ("licence", card.licence),
        *(("attribution", text) for text in card.attribution),
        ("made", f"{card.created.isoformat()} by landslip {card.landslip_version}"),
        ("sha256", detector.sha256),
    ]
    return "\n".join([f"{card.name}: {card.title}", *_lines(rows)])


def _cost(card: "Card") -> list[tuple[str, str]]:
    if card.forward_passes == 1:
        return []
    members = f"mean of {', '.join(member.name for member in card.members)}"
    tta = {"none": "", "flips": ", each over 4 flips", "d4": ", each over 8 D4 transforms"}[card.tta]
    return [("cost", f"{card.forward_passes} forward passes per image: {members}{tta}")]


def _adapted(card: "Card") -> list[tuple[str, str]]:
    if card.adaptation is None:
        return []
    target, images, weight = card.adaptation.target, card.adaptation.images, card.adaptation.weight
    how = "" if weight == 1 else f", interpolation {weight:g}"
    return [("adapted to", f"{target}, {images} unlabelled images{how}; accuracy there unknown")]


def _finetuned(card: "Card") -> list[tuple[str, str]]:
    record = card.finetuning
    if record is None:
        return []
    what = {"head": "last layer", "norms": "last layer and batch normalisation", "all": "every weight"}[record.trained]
    text = f"{record.labels}; {what}, {record.epochs} epochs over {record.patches} patches, seed {record.seed}"
    if record.quiet_ground:
        text += f"; {record.quiet_ground}"
    return [("fine-tuned on", text), ("fine-tuned from", f"{record.parent}, sha256 {record.parent_sha256}")]


def _quantised(card: "Card") -> list[tuple[str, str]]:
    record = card.quantisation
    if record is None:
        return []
    rows = [f"{record.method}; calibrated on {record.calibrated_on}; float layers: {', '.join(record.float_layers)}"]
    rows += [
        f"{one.engine} on {record.held_out}: F1 {one.f1_int8:.4f} (float32: {one.f1_float32:.4f}), landslides under "
        f"{record.narrow_px} px wide {one.narrow_f1_int8:.4f} ({one.narrow_f1_float32:.4f}); {record.cpu}"
        for one in record.parity
    ]
    return [("quantised", row) for row in rows]


def _precisions(detector: "Detector") -> list[tuple[str, str]]:
    record = detector.precisions
    if record is None:
        return []
    rows = [
        f"{one.engine} in {one.precision}: F1 {one.f1:.4f} (float32: {one.f1_float32:.4f}), landslides under "
        f"{record.narrow_px} px wide {one.narrow_f1:.4f} ({one.narrow_f1_float32:.4f}) on {record.patches} patches, "
        f"{record.held_out}; {record.cpu}"
        + (
            ""
            if record.allows(one.engine, one.precision)
            else f"; not used by auto, which allows a difference of {record.max_f1_difference:g}"
        )
        for one in record.parity
    ]
    if record.int8_failure:
        rows.append(f"no int8 variant: {record.int8_failure}")
    return [("precisions", row) for row in rows]


def _ranges(card: "Card") -> str:
    if card.input_ranges is None:
        return "unknown: the training data have no absolute values"
    ranges = (f"{name} {low:g} to {high:g}" for name, (low, high) in card.input_ranges.items())
    return f"{', '.join(ranges)}: 1st to 99th percentile of the training data"


def _score(score: "Score") -> str:
    seeds = ", ".join(map(str, score.seeds))
    return (
        f"{score.data}: F1 {score.f1_text}, precision {score.precision:.3f}, recall {score.recall:.3f}, "
        f"IoU {score.iou:.3f}; {score.protocol}; {score.definition}; {score.patches} patches; seed {seeds}"
    )


def _lines(rows: list[tuple[str, str]]) -> Iterator[str]:
    before = ""
    for label, text in rows:
        shown = "" if label == before else label
        yield textwrap.fill(text, _WIDTH, initial_indent=f"  {shown:<{_LABEL}}", subsequent_indent=" " * (_LABEL + 2))
        before = label
