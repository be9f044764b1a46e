"""The three tables as rows of text, and their chart."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from landslip.evaluation.generalisation.judge import Judgement
from landslip.figures.charts import COLOURS, chart_style
from landslip.files.atomic import atomic_path

SEEN = "*"
"""Marks a region with patches in the training part."""
UNKNOWN = "?"


def region_table(judged: Sequence[Judgement]) -> list[tuple[str, ...]]:
    """Lay out the scores in labelled regions; the first row is the head."""
    rows: list[tuple[str, ...]] = [
        ("", "region", "threshold", "F1", "precision", "recall", "F1 at .5", "best F1", "at")
    ]
    for one in judged:
        for score in one.regions:
            mark = SEEN if score.trained_in else UNKNOWN if score.trained_in is None else ""
            at = score.at_threshold
            cells = (at.f1, at.precision, at.recall, score.at_half.f1, score.best_f1, score.best_threshold)
            rows.append(
                (one.detector, score.region + mark, f"{score.threshold:.3f}", *(f"{cell:.3f}" for cell in cells))
            )
    return rows


def quiet_table(judged: Sequence[Judgement]) -> list[tuple[str, ...]]:
    """Lay out the false alarms by class, in per cent of the pixels; the first row is the head."""
    classes = list(dict.fromkeys(kind for one in judged for quiet in one.quiet for kind in quiet.by_class))
    if not classes:
        return [()]
    rows: list[tuple[str, ...]] = [("", "brightness", *classes, "mean")]
    for one in judged:
        for quiet in one.quiet:
            fractions = [*(quiet.by_class.get(kind, np.nan) for kind in classes), quiet.mean]
            rows.append((one.detector, quiet.brightness, *(f"{100 * fraction:.2f}" for fraction in fractions)))
    return rows


def scene_table(judged: Sequence[Judgement]) -> list[tuple[str, ...]]:
    """Lay out the figures of real scenes; the first row is the head."""
    names = (
        "",
        "before, ha",
        "after, same area",
        "after, ha",
        "windows: F1",
        "precision",
        "recall",
        "track found",
        "elsewhere, ha",
    )
    rows: list[tuple[str, ...]] = [names]
    for one in judged:
        if one.pair is None and one.track is None:
            continue
        cells = [""] * 8
        if one.pair is not None:
            same = one.pair.after_inside_before_ha
            cells[:3] = f"{one.pair.before_ha:.1f}", "" if same is None else f"{same:.1f}", f"{one.pair.after_ha:.1f}"
            if one.pair.windows:
                pooled = one.pair.pooled
                cells[3:6] = f"{pooled.f1:.3f}", f"{pooled.precision:.3f}", f"{pooled.recall:.3f}"
        if one.track is not None:
            cells[6:] = f"{one.track.found_fraction:.0%}", f"{one.track.elsewhere_ha:.1f}"
        rows.append((one.detector, *cells))
    return rows


def draw_judgements(judged: Sequence[Judgement], path: str | Path) -> None:
    """Draw the three tables as bars, one panel each, as a PNG; tables without figures are left out.

    Args:
        judged: one colour each.
        path: of the file; an existing one is replaced.

    Raises:
        OutputError: the file cannot be written.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import

    panels = list(_panels(judged))
    with chart_style():
        figure = Figure(figsize=(9.0, 0.6 + 3.0 * len(panels)), layout="constrained")
        for number, (title, label, groups, values) in enumerate(panels, 1):
            axes = figure.add_subplot(len(panels), 1, number)
            width = 0.8 / len(judged)
            for index, (one, heights) in enumerate(zip(judged, values, strict=True)):
                at = np.arange(len(groups)) + (index - (len(judged) - 1) / 2) * width
                axes.bar(at, heights, width * 0.92, color=COLOURS[index % len(COLOURS)], label=one.detector)
            axes.set_xticks(range(len(groups)), groups)
            axes.set_ylabel(label)
            axes.set_title(title, loc="left")
            axes.grid(axis="x", visible=False)
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
            if number == 1:
                axes.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1.1), frameon=False)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="png", dpi=140)


def _panels(judged: Sequence[Judgement]) -> Iterator[tuple[str, str, list[str], list[list[float]]]]:
    """Title, label of the axis, names of the groups, and the heights of each detector."""
    names = list(dict.fromkeys(score.region for one in judged for score in one.regions))
    if names:
        seen = {score.region for one in judged for score in one.regions if score.trained_in is not False}
        title = f"Labelled regions, F1 at the detector's threshold ({SEEN} some were or may have been trained there)"
        by_region = [{score.region: score.at_threshold.f1 for score in one.regions} for one in judged]
        heights = [[scores.get(name, np.nan) for name in names] for scores in by_region]
        yield title, "F1", [name + SEEN * (name in seen) for name in names], heights
    for index, quiet in enumerate(judged[0].quiet):
        groups = [_wrap(kind) for kind in quiet.by_class]
        heights = [[100 * value for value in one.quiet[index].by_class.values()] for one in judged]
        yield f"Quiet ground, pixels marked ({quiet.brightness} brightness)", "%", groups, heights
    names, columns = [], []
    if judged[0].pair is not None:
        names += ["before the event", "after the event"]
        columns += [
            [one.pair.before_ha for one in judged if one.pair],
            [one.pair.after_ha for one in judged if one.pair],
        ]
    if judged[0].track is not None:
        names.append("away from the track")
        columns.append([one.track.elsewhere_ha for one in judged if one.track])
    if names:
        yield "Real scenes, area marked", "ha", names, [list(row) for row in zip(*columns, strict=True)]


def _wrap(kind: str) -> str:
    """Break a name in capitals before each capital but the first."""
    return "".join(f"\n{letter}" if letter.isupper() and place else letter for place, letter in enumerate(kind))
