"""The comparison with and without physics as a chart, a page, and files."""

from pathlib import Path

from landslip.datasets.formats import SYNTHETIC
from landslip.evaluation.report.sheet import Headline, Section, Sheet, chart, write_pair, write_text
from landslip.evaluation.resolve import SYNTHETIC_LABEL
from landslip.figures.charts import Axis, Row, RowChart, render_svg
from landslip.figures.formatting import sentence
from landslip.figures.html_tables import paragraph, plain_table
from landslip.metrics.counts import DEFINITION
from landslip.studies.physics import PhysicsResult


def write_physics(found: PhysicsResult, folder: Path, attribution: tuple[str, ...] = ()) -> tuple[Path, ...]:
    """Write ``physics.html``, ``physics.json`` and a chart as SVG.

    Raises:
        OutputError: they cannot be written.
    """
    title = f"What physics in the loss brings {found.detector}"
    said = (
        f"{found.data}, {found.patches:,} patches",
        found.protocol,
        f"F1: {DEFINITION}; intervals: 95 % paired bootstrap over {found.unit}",
        f"Seeds {', '.join(map(str, found.seeds))}",
    )
    note = " ".join(map(sentence, said))
    pages = write_pair(folder, "physics", _page(found, title, attribution), found.as_dict())
    return (*pages, write_text(folder / "physics.svg", render_svg(_draw(found), title=title, note=note)))


def table_rows(found: PhysicsResult) -> list[tuple[str, ...]]:
    """A row for each way to train."""
    return [
        (
            f"{one.share:.0%} ({sum(one.train_patches):,} patches)",
            "with" if one.physics else "without",
            str(one.figures["f1"]),
            str(one.figures["precision"]),
            str(one.figures["recall"]),
            f"{one.figures['false_alarms_flat'].mean:.3%}",
            f"{one.figures['false_alarms_steeper'].mean:.3%}",
        )
        for one in found.outcomes
    ]


def heads(found: PhysicsResult) -> tuple[str, ...]:
    """The heads of the table."""
    flat = f"{found.flat_deg:g}°"
    return (
        "Training data",
        "Physics",
        "F1",
        "Precision",
        "Recall",
        f"False alarms below {flat}",
        f"False alarms from {flat}",
    )


def _draw(found: PhysicsResult) -> RowChart:
    rows = [Row(f"{one.share:.0%} of the training data", one.f1, one.low, one.high) for one in found.gains]
    axis = Axis("gain of F1 by physics (above 0: it helps), with 95 % interval")
    return RowChart("Gain of F1 by the physics terms", axis, rows, reference=0.0)


def _page(found: PhysicsResult, title: str, attribution: tuple[str, ...]) -> str:
    terms = "; ".join(", ".join(f"{name} {value}" for name, value in term.items()) for term in found.terms)
    note = (
        f"False alarms: the share of ground without landslides that was called one, on slopes below "
        f"{found.flat_deg:g}° and on all others."
    )
    html = chart(_draw(found)) + plain_table(heads(found), table_rows(found)) + paragraph(note, "note")
    cautions = []
    if SYNTHETIC_LABEL in found.data:
        cautions.append(
            f"The data are synthetic. {SYNTHETIC} Their landslides keep to slopes by construction, so that physics has "
            "it easy here."
        )
    if len(found.seeds) < 3:
        cautions.append("Fewer than three seeds: differences as small as those between two trainings mean nothing.")
    sheet = Sheet(
        kicker="Physics in the loss",
        title=title,
        lead=f"{found.data}, {found.patches:,} patches",
        notes=(found.protocol, f"The terms: {terms}", f"F1, precision, recall: {DEFINITION}"),
        cautions=cautions,
        headlines=[
            Headline(f"F1, {one.share:.0%} of the data", f"{one.f1:+.3f}", f"{one.low:+.3f} to {one.high:+.3f}")
            for one in found.gains
        ],
        sections=(Section("physics", "With and without", html, None),),
        attribution=attribution,
    )
    return sheet.html()
