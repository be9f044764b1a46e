"""The result of an ablation as a chart, a page, and files."""

from pathlib import Path

from landslip.channels import CHANNELS
from landslip.datasets.formats import SYNTHETIC
from landslip.evaluation.report.sheet import Headline, Section, Sheet, chart, write_pair, write_text
from landslip.evaluation.resolve import SYNTHETIC_LABEL
from landslip.figures.charts import Axis, Row, RowChart, render_svg
from landslip.figures.formatting import sentence
from landslip.figures.html_tables import paragraph, plain_table
from landslip.metrics.counts import DEFINITION
from landslip.metrics.intervals import FEW
from landslip.studies.ablation.result import Ablation, Fall

TITLES = {
    "permuted": "With the channel of another patch",
    "dropped": "With the channel's mean in its place",
    "retrained": "Trained without it",
    "added": "Trained with it besides",
}
_TEXTS = {
    "permuted": "Each patch gets the channel of another patch: values and texture stay, what it says of this ground "
    "goes.",
    "dropped": "The channel reads its mean in each patch. A network that never saw a constant channel may take that "
    "harder than it deserves.",
    "retrained": "The same recipe trained without the channel, on the same folds with the same seeds.",
    "added": "The recipe as it is against the same recipe with the index computed inside the network: the fall is what "
    "is lost by leaving the index out.",
}


def write_ablation(found: Ablation, folder: Path, attribution: tuple[str, ...] = ()) -> tuple[Path, ...]:
    """Write ``ablation.html``, ``ablation.json`` and a chart as SVG.

    Raises:
        OutputError: they cannot be written.
    """
    title = f"What each channel is worth to {found.detector}"
    said = (
        f"{found.data}, {found.patches:,} patches",
        found.protocol,
        f"F1: {DEFINITION}; intervals: 95 % paired bootstrap over {found.unit}",
        f"Seeds {', '.join(map(str, found.seeds))}",
    )
    note = " ".join(map(sentence, said))
    drawing = render_svg(draw(found), title=title, note=note)
    pages = write_pair(folder, "ablation", _page(found, title, attribution), found.as_dict())
    return (*pages, write_text(folder / "ablation.svg", drawing))


def draw(found: Ablation) -> RowChart:
    """The chart: how far F1 falls without each channel, one kind of mark for each way to take it away."""
    kinds = tuple(dict.fromkeys(one.how for one in found.falls))
    rows = [Row(_named(one), one.fall, one.low, one.high, kind=kinds.index(one.how)) for one in found.falls]
    axis = Axis("fall of F1 without it (above 0: it helps), with 95 % interval")
    return RowChart("Fall of F1 without each channel", axis, rows, tuple(TITLES[one] for one in kinds), 0.0)


def _named(one: Fall) -> str:
    """A channel with its title, a group as it is called."""
    title = CHANNELS[one.name].title if one.name in CHANNELS else one.name
    return one.name if title == one.name else f"{one.name} {title}"


def _page(found: Ablation, title: str, attribution: tuple[str, ...]) -> str:
    kinds = tuple(dict.fromkeys(one.how for one in found.falls))
    whole = Section("falls", "How far F1 falls without each channel", chart(draw(found)), None)
    tables = [
        Section(
            kind, TITLES[kind], paragraph(_TEXTS[kind]) + _table([one for one in found.falls if one.how == kind]), None
        )
        for kind in kinds
    ]
    cautions = []
    if SYNTHETIC_LABEL in found.data:
        cautions.append(
            f"The data are synthetic. {SYNTHETIC} What a channel is worth on them says little of real ground."
        )
    if found.units < FEW:
        cautions.append(f"The intervals rest on {found.units} {found.unit}: they are guesses.")
    if len(found.seeds) < 3:
        cautions.append("Fewer than three seeds: differences as small as those between two trainings mean nothing.")
    most = sorted(found.falls, key=lambda one: -one.fall)[:5]
    headlines = [Headline("F1 with everything", str(found.f1), f"{len(found.f1.values)} seed(s)")]
    headlines += [
        Headline(f"{one.name}, {one.how}", f"−{one.fall:.3f}" if one.fall >= 0 else f"+{-one.fall:.3f}", f"to {one.f1}")
        for one in most
    ]
    sheet = Sheet(
        kicker="Ablation of a landslide detector",
        title=title,
        lead=f"{found.data}, {found.patches:,} patches",
        notes=(found.protocol, f"F1: {DEFINITION}. Intervals: paired bootstrap over {found.unit}"),
        cautions=cautions,
        headlines=headlines,
        sections=(whole, *tables),
        attribution=attribution,
    )
    return sheet.html()


def _table(falls: list[Fall]) -> str:
    heads = ("Without", "Channels", "F1 (over seeds)", "Fall of F1", "95 % interval")
    rows = (
        (
            one.name,
            ", ".join(one.channels),
            str(one.f1),
            f"{one.fall:+.3f}",
            f"{one.low:+.3f}\u00a0to\u00a0{one.high:+.3f}",
        )
        for one in sorted(falls, key=lambda one: -one.fall)
    )
    return plain_table(heads, rows)
