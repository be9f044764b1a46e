"""Sections on pixels: the figures by scene, by other definitions, and against another detector."""

from landslip.evaluation.comparison import Comparison
from landslip.evaluation.report.sheet import Asked, Section, chart, count, figure, from_to
from landslip.evaluation.scores import Intervals
from landslip.figures.charts import Axis, Row, RowChart
from landslip.figures.html_tables import paragraph, plain_table
from landslip.metrics.count_tables import FIGURES
from landslip.metrics.definitions import DEFINITIONS, by_definition
from landslip.metrics.intervals import FEW

HEADS = {"f1": "F1", "precision": "Precision", "recall": "Recall", "iou": "IoU"}
ALL = "all together"


def by_scene_section(asked: Asked) -> Section:
    """Every figure for each scene, with intervals."""
    scores, evaluation = asked.scores, asked.scores.evaluation
    rows: dict[str, Intervals] = {ALL: scores.intervals}
    if len(scores.by_scene) > 1:
        rows |= scores.by_scene
    patches = {name: sum(name in (ALL, one.scene) for one in evaluation.patches) for name in rows}
    drawn = RowChart(
        "F1 of each scene with its 95 % interval",
        Axis("F1 (pooled over pixels), with 95 % interval", low=0, high=1),
        [
            Row(name, made["f1"].value, made["f1"].low, made["f1"].high, f"{patches[name]:,} patches")
            for name, made in rows.items()
        ],
        reference=scores.intervals["f1"].value if len(rows) > 1 else None,
    )
    table = plain_table(
        ("Scene", "Patches", *(HEADS[name] for name in FIGURES), f"{scores.intervals['f1'].unit.capitalize()}s drawn"),
        (
            (
                name,
                count(patches[name]),
                *(f"{made[one].value:.3f} ({from_to(made[one].low, made[one].high)})" for one in FIGURES),
                count(made["f1"].units),
            )
            for name, made in rows.items()
        ),
    )
    note = (
        f"In brackets: 95 % intervals by bootstrap over {scores.unit}. They say how a figure would vary with other "
        "ground of the same kind, and nothing about other countries, seasons or sensors."
    )
    few = [name for name, made in rows.items() if made["f1"].few]
    if few:
        note += f" Fewer than {FEW} {scores.intervals['f1'].unit}s make the interval itself a guess: {', '.join(few)}."
    made = scores.as_dict()
    data = {name: made[name] for name in ("definition", "pixel", "by_scene", "intervals")}
    return Section(
        "pixels", "How right the map is, scene by scene", chart(drawn) + table + paragraph(note, "note"), data
    )


def definitions_section(asked: Asked) -> Section:
    """The same maps by the other definitions that people publish."""
    made = by_definition(asked.predictions)
    rows = (
        (name, *(figure(value) for value in ratios.as_dict().values()), DEFINITIONS[name].text)
        for name, ratios in made.items()
    )
    table = plain_table(("Definition", "F1", "Precision", "Recall", "IoU", "What it is"), rows)
    note = "All of these are called F1 somewhere. A number compares with its own kind only; here F1 means the first."
    data = {name: ratios.as_dict() | {"definition": DEFINITIONS[name].text} for name, ratios in made.items()}
    return Section("definitions", "The same maps by other definitions", paragraph(note) + table, data)


def comparison_section(asked: Asked) -> Section | None:
    """Against another detector; None where there is none."""
    comparison, by_scene = asked.scores.comparison, asked.scores.comparison_by_scene or {}
    if comparison is None:
        return None
    rows = [(HEADS[name], comparison, name) for name in FIGURES]
    rows += [(f"F1, scene {scene}", one, "f1") for scene, one in by_scene.items()]
    drawn = RowChart(
        f"Difference between {comparison.first} and {comparison.second} with its 95 % interval",
        Axis(f"difference: above 0 where {comparison.first} is better"),
        [Row(head, *_ends(one, name)) for head, one, name in rows],
        reference=0,
    )
    heads = ("", comparison.first, comparison.second, "Difference", "95 % interval", "p")
    table = plain_table(heads, (_row(head, one, name) for head, one, name in rows))
    note = (
        f"{comparison.first} at threshold {comparison.first_threshold:g}, {comparison.second} at "
        f"{comparison.second_threshold:g}, on the same {comparison.patches:,} patches. Intervals: paired bootstrap "
        f"over {comparison.units} {comparison.unit}s. p: how often a difference as large comes about when chance "
        f"decides, {comparison.unit} by {comparison.unit}, which of the two said what."
    )
    data = {"all": comparison.as_dict(), "by_scene": {name: one.as_dict() for name, one in by_scene.items()}}
    title = f"Against {comparison.second}"
    return Section("comparison", title, chart(drawn) + table + paragraph(note, "note"), data)


def _ends(comparison: Comparison, name: str) -> tuple[float, float, float]:
    one = comparison.differences[name]
    return one.difference, one.low, one.high


def _row(head: str, comparison: Comparison, name: str) -> tuple[str, ...]:
    one = comparison.differences[name]
    interval = f"{one.low:+.3f} to {one.high:+.3f}"
    return head, figure(one.first), figure(one.second), f"{one.difference:+.3f}", interval, f"{one.p_value:.4f}"
