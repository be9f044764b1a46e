"""The report of a channel ablation: a chart, an HTML page, and JSON."""

from pathlib import Path

from landslip.channels import CHANNELS
from landslip.evaluation.report.layout import Headline, Section, chart_html, format_interval
from landslip.figures.charts import Axis, Row, RowChart
from landslip.figures.html_tables import paragraph, plain_table
from landslip.studies.ablation.result import Ablation, Drop
from landslip.studies.report import write_study

TITLES = {
    "permuted": "Channel of another patch",
    "dropped": "Channel mean",
    "retrained": "Trained without the channel",
    "added": "Trained with the index",
}
_TEXTS = {
    "permuted": "Each patch gets the channel of another patch: values and texture are kept, the relation to the "
    "ground is lost.",
    "dropped": "The channel is set to its mean in each patch. For a network that was never trained on constant "
    "channels the drop may be too large.",
    "retrained": "The same recipe trained without the channel, on the same folds with the same seeds.",
    "added": "The recipe with the index computed inside the network, against the recipe as it is: the drop without the "
    "index.",
}
_LARGEST_SHOWN = 5


def write_ablation(result: Ablation, folder: str | Path, attribution: tuple[str, ...] = ()) -> tuple[Path, ...]:
    """Write ``ablation.html``, ``ablation.json`` and ``ablation.svg``.

    Raises:
        OutputError: a file cannot be written.
    """
    largest = sorted(result.drops, key=lambda one: -one.drop)[:_LARGEST_SHOWN]
    methods = tuple(dict.fromkeys(one.method for one in result.drops))
    drawn = draw_drops(result)
    tables = [
        Section(
            method,
            TITLES[method],
            paragraph(_TEXTS[method]) + _build_table([one for one in result.drops if one.method == method]),
            None,
        )
        for method in methods
    ]
    return write_study(
        folder,
        "ablation",
        kicker="Channel ablation of a landslide detector",
        title=f"Channel ablation of {result.detector}",
        data=result.data,
        patches=result.patches,
        protocol=result.protocol,
        seeds=result.seeds,
        unit=result.unit,
        units=result.units,
        synthetic_caution="The ranking of channels on them does not transfer to real images.",
        headlines=[
            Headline("F1 with all channels", str(result.f1), f"{len(result.f1.values)} seed(s)"),
            *(Headline(f"{one.name}, {one.method}", f"{-one.drop:+.3f}", f"to {one.f1}") for one in largest),
        ],
        sections=(Section("drops", "Drop of F1 without each channel", chart_html(drawn), None), *tables),
        attribution=attribution,
        chart=drawn,
        values=result.as_dict(),
    )


def draw_drops(result: Ablation) -> RowChart:
    """Build the chart of the drop of F1 without each channel, with one marker per method."""
    methods = tuple(dict.fromkeys(one.method for one in result.drops))
    rows = [Row(_name(one), one.drop, one.low, one.high, kind=methods.index(one.method)) for one in result.drops]
    axis = Axis("drop of F1 without the channel, with 95 % interval")
    return RowChart("Drop of F1 without each channel", axis, rows, tuple(TITLES[one] for one in methods), 0.0)


def _name(drop: Drop) -> str:
    title = CHANNELS[drop.name].title if drop.name in CHANNELS else drop.name
    return drop.name if title == drop.name else f"{drop.name} {title}"


def _build_table(drops: list[Drop]) -> str:
    columns = ("Without", "Channels", "F1 (over seeds)", "Drop of F1", "95 % interval")
    rows = (
        (
            one.name,
            ", ".join(one.channels),
            str(one.f1),
            f"{one.drop:+.3f}",
            format_interval(one.low, one.high, "+.3f"),
        )
        for one in sorted(drops, key=lambda one: -one.drop)
    )
    return plain_table(columns, rows)
