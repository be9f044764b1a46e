"""The common parts of the reports of studies: cautions, the text under a chart, and the files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from landslip.datasets.patch_set import SYNTHETIC
from landslip.evaluation.predict import SYNTHETIC_LABEL
from landslip.evaluation.report.layout import Headline, ReportPage, Section, write_report_files, write_text
from landslip.figures.charts import Chart, RowChart, render_svg
from landslip.figures.formatting import to_sentence
from landslip.metrics.counts import DEFINITION
from landslip.metrics.intervals import FEW_UNITS

_FEW_SEEDS: Final = 3


def write_study(
    folder: str | Path,
    name: str,
    *,
    kicker: str,
    title: str,
    data: str,
    patches: int,
    protocol: str,
    seeds: Sequence[int],
    unit: str,
    units: int,
    synthetic_caution: str,
    notes: Sequence[str] = (),
    headlines: Sequence[Headline],
    sections: Sequence[Section],
    attribution: Sequence[str],
    chart: Chart | RowChart,
    values: dict[str, Any],
) -> tuple[Path, ...]:
    """Write ``<name>.html``, ``<name>.json`` and ``<name>.svg``, with the cautions that apply.

    Raises:
        OutputError: a file cannot be written.
    """
    folder, lead = Path(folder), f"{data}, {patches:,} patches"
    cautions = [f"The data are synthetic. {SYNTHETIC} {synthetic_caution}"] if SYNTHETIC_LABEL in data else []
    if units < FEW_UNITS:
        cautions.append(f"The intervals are unreliable: they are based on {units} {unit}.")
    if len(seeds) < _FEW_SEEDS:
        cautions.append("Fewer than three seeds: small differences may be due to chance.")
    definition = f"F1: {DEFINITION}. Intervals: 95 % paired bootstrap over {unit}"
    html = ReportPage(
        kicker=kicker,
        title=title,
        lead=lead,
        notes=(protocol, *notes, definition),
        cautions=cautions,
        headlines=headlines,
        sections=sections,
        attribution=attribution,
    ).html()
    facts = (lead, protocol, definition, f"Seeds {', '.join(map(str, seeds))}")
    svg = render_svg(chart, title=title, note=" ".join(map(to_sentence, facts)))
    return (*write_report_files(folder, name, html, values), write_text(folder / f"{name}.svg", svg))
