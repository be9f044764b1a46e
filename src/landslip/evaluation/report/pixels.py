"""Report sections on pixel accuracy: by scene, by other definitions, against another detector."""

from landslip.evaluation.comparison import Comparison
from landslip.evaluation.evaluate import Intervals
from landslip.evaluation.report.layout import (
    ReportInput,
    Section,
    chart_html,
    format_integer,
    format_interval,
    format_ratio,
)
from landslip.figures.charts import Axis, Row, RowChart
from landslip.figures.html_tables import paragraph, plain_table
from landslip.metrics.counts import METRICS
from landslip.metrics.definitions import DEFINITIONS, compute_definitions
from landslip.metrics.intervals import FEW_UNITS, MIN_UNITS, Interval, count_units

HEADS = {"f1": "F1", "precision": "Precision", "recall": "Recall", "iou": "IoU"}
ALL = "all scenes"


def by_scene_section(inputs: ReportInput) -> Section:
    """Make the section on all metrics by scene, with intervals."""
    scores, entries = inputs.scores, inputs.scores.evaluation.entries
    rows: dict[str, Intervals] = {ALL: scores.intervals}
    if len(scores.by_scene) > 1:
        rows |= scores.by_scene
    patches = {name: sum(name in (ALL, entry.scene) for entry in entries) for name in rows}
    pooled = scores.intervals["f1"]
    drawn = RowChart(
        "F1 of each scene with its 95 % interval",
        Axis("F1 (pooled over pixels), with 95 % interval", low=0, high=1),
        [_f1_row(name, made["f1"], patches[name]) for name, made in rows.items()],
        reference=pooled.value if len(rows) > 1 else None,
    )
    table = plain_table(
        ("Scene", "Patches", *(HEADS[name] for name in METRICS), f"{pooled.unit.capitalize()}s"),
        (
            (
                name,
                format_integer(patches[name]),
                *(f"{made[one].value:.3f} ({interval_text(made[one])})" for one in METRICS),
                format_integer(made["f1"].units),
            )
            for name, made in rows.items()
        ),
    )
    note = (
        f"In brackets: 95 % intervals by bootstrap over {pooled.over}. They estimate the variation over other terrain "
        "of the same kind, not over other regions, seasons or sensors."
    )
    without = [name for name, made in rows.items() if not made["f1"].is_given]
    if without:
        note += f" Not given for fewer than {count_units(MIN_UNITS, pooled.unit)}: {', '.join(without)}."
    few = [name for name, made in rows.items() if made["f1"].few_units and made["f1"].is_given]
    if few:
        note += f" Fewer than {count_units(FEW_UNITS, pooled.unit)} make an interval unreliable: {', '.join(few)}."
    made = scores.as_dict()
    data = {name: made[name] for name in ("definition", "pixel", "by_scene", "intervals")}
    return Section("pixels", "Pixel accuracy by scene", chart_html(drawn) + table + paragraph(note, "note"), data)


def interval_text(interval: Interval) -> str:
    """Return an interval for a table, or that it is not given."""
    return format_interval(interval.low, interval.high) if interval.is_given else "interval not given"


def definitions_section(inputs: ReportInput) -> Section:
    """Make the section on other published definitions of the metrics."""
    made = compute_definitions(inputs.predictions.counts())
    rows = (
        (name, *(format_ratio(value) for value in ratios.as_dict().values()), DEFINITIONS[name].text)
        for name, ratios in made.items()
    )
    table = plain_table(("Name", "F1", "Precision", "Recall", "IoU", "Definition"), rows)
    note = (
        "All of these are published as F1. Values of different definitions are not comparable; this report uses "
        "the first."
    )
    data = {name: ratios.as_dict() | {"definition": DEFINITIONS[name].text} for name, ratios in made.items()}
    return Section("definitions", "Other definitions of F1", paragraph(note) + table, data)


def comparison_section(inputs: ReportInput) -> Section | None:
    """Make the section on the comparison with another detector; None without one."""
    comparison, by_scene = inputs.scores.comparison, inputs.scores.comparison_by_scene or {}
    if comparison is None:
        return None
    rows = [(HEADS[name], comparison, name) for name in METRICS]
    rows += [(f"F1, scene {scene}", one, "f1") for scene, one in by_scene.items()]
    drawn = RowChart(
        f"Difference between {comparison.first} and {comparison.second} with its 95 % interval",
        Axis(f"difference, positive where {comparison.first} is better"),
        [Row(head, *_ends(one, name)) for head, one, name in rows],
        reference=0,
    )
    heads = ("", comparison.first, comparison.second, "Difference", "95 % interval", "p")
    table = plain_table(heads, (_row(head, one, name) for head, one, name in rows))
    note = (
        f"{comparison.first} at threshold {comparison.first_threshold:g}, {comparison.second} at "
        f"{comparison.second_threshold:g}, on the same {comparison.patches:,} patches. Intervals: paired bootstrap "
        f"over {count_units(comparison.units, comparison.unit)}. p: two-sided sign-flip test, which swaps the two "
        f"detectors at random in each {comparison.unit}."
    )
    data = {"all": comparison.as_dict(), "by_scene": {name: one.as_dict() for name, one in by_scene.items()}}
    title = f"Comparison with {comparison.second}"
    return Section("comparison", title, chart_html(drawn) + table + paragraph(note, "note"), data)


def _f1_row(name: str, f1: Interval, patches: int) -> Row:
    low, high = f1.ends
    return Row(name, f1.value, low, high, f"{patches:,} patches")


def _ends(comparison: Comparison, name: str) -> tuple[float, float | None, float | None]:
    one = comparison.differences[name]
    return one.difference, *one.ends


def _row(head: str, comparison: Comparison, name: str) -> tuple[str, ...]:
    one = comparison.differences[name]
    interval = f"{one.low:+.3f} to {one.high:+.3f}" if one.is_given else "not given"
    first, second = format_ratio(one.first), format_ratio(one.second)
    return head, first, second, f"{one.difference:+.3f}", interval, f"{one.p_value:.4f}"
