"""Sections of the report: detector, image, settings, files, frequency-area distribution."""

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from landslip.channels import CHANNELS
from landslip.detector.card import Card, Score
from landslip.figures.charts import chart_image
from landslip.figures.formatting import (
    format_area,
    format_count,
    format_date,
    format_dates,
    format_duration,
    format_length,
    format_number,
    format_percent,
    to_sentence,
)
from landslip.figures.frequency_area import MIN_LANDSLIDES, frequency, frequency_chart
from landslip.figures.html_tables import bullet_list, pairs_table, paragraph, plain_table
from landslip.mapping.change.record import ImageRecord, ShiftRecord
from landslip.mapping.metadata.map_files import files_of
from landslip.mapping.metadata.summary import Summary
from landslip.scenes.masks.kinds import KINDS


def detector_section(summary: Summary, card: Card) -> str:
    """Return the section on the detector: training, scores with their protocol, limitations."""
    channels = ", ".join(f"{name} ({CHANNELS[name].title}, {CHANNELS[name].unit})" for name in card.channels)
    pairs = [
        ("Detector", f"{card.title} ({card.name})"),
        ("Network", card.architecture),
        ("Channels", channels),
        ("Training data", card.trained_on),
        ("Pixel size in training", format_length(card.pixel_size_m)),
        ("Default threshold", f"{format_number(card.threshold)}; {card.threshold_selection}"),
        ("Normalisation", card.normalisation.description),
        ("Calibration", f"temperature {format_number(card.temperature)}"),
        ("Licence", card.licence),
        ("SHA-256", summary.detector_sha256),
    ]
    parts = [pairs_table(pairs), "<h3>Scores on test data</h3>"]
    if card.scores:
        heads = ("Data", "Protocol", "Precision", "Recall", "F1", "IoU", "Patches", "Seeds", "Definition")
        parts.append(plain_table(heads, (_score_row(score) for score in card.scores)))
        parts.append(
            paragraph(
                "Scores of different protocols or definitions cannot be compared. The accuracy of this map may differ.",
                "note",
            )
        )
    else:
        parts.append(paragraph(card.unmeasured))
    return "".join([*parts, "<h3>Limitations</h3>", bullet_list(map(to_sentence, card.not_good_for))])


def _score_row(score: Score) -> tuple[str, ...]:
    return (
        score.data,
        score.protocol,
        f"{score.precision:.3f}",
        f"{score.recall:.3f}",
        score.f1_text,
        f"{score.iou:.3f}",
        f"{score.patches:,}",
        ", ".join(map(str, score.seeds)) or "unknown",
        score.definition,
    )


def image_section(summary: Summary) -> str:
    """Return the section on the image and the sources of its channels."""
    scene = summary.scene
    pixel_x_m, pixel_y_m = scene.pixel_size_m
    crs = "none (pixel coordinates)"
    if scene.crs:
        # WKT is long: only its name is shown.
        crs = scene.crs if len(scene.crs) < 40 else CRS.from_user_input(scene.crs).name
    pairs = [
        ("Scene", scene.name),
        *([("Composite of", "; ".join(map(_image_text, scene.images)))] if scene.images else []),
        ("Image date", format_dates(scene.dates)),
        ("CRS", crs),
        ("Size", f"{scene.width:,} x {scene.height:,} pixels"),
        ("Pixel size at the centre", f"{format_length(pixel_x_m)} x {format_length(pixel_y_m)}"),
        ("Valid", f"{format_percent(summary.valid_fraction)} of the pixels, {format_area(summary.valid_area_m2)}"),
        ("Area of interest", summary.settings.aoi or "the whole image"),
    ]
    sources = plain_table(("Channel", "Source"), scene.sources.items())
    return pairs_table(pairs) + "<h3>Sources of the channels</h3>" + sources


def _image_text(image: ImageRecord) -> str:
    """Return an image of a composite in words: its date, co-registration and light."""
    told = [format_date(image.date)]
    if image.shift is None:
        told.append("gives the grid and the light")
    else:
        told.append(_shift_text(image.shift))
    if image.gains:
        lights = (f"{name} {gain:.3f} x DN {image.offsets[name]:+.0f}" for name, gain in image.gains.items())
        told.append(", ".join(lights))
    return f"{image.name} ({'; '.join(told)})"


def _shift_text(shift: ShiftRecord) -> str:
    """Return the co-registration of an image in words."""
    if not shift.trusted_blocks:
        return "not trusted, left where its file places it"
    return (
        f"{shift.down_px:+.2f} px down, {shift.right_px:+.2f} px right, moved back; {shift.trusted_blocks} of "
        f"{shift.blocks} blocks trusted, residual {shift.residual_px:.2f} px"
    )


def settings_section(summary: Summary) -> str:
    """Return the section on settings, engine and versions."""
    settings = summary.settings
    limit = "none" if settings.min_area_m2 <= 0 else format_area(settings.min_area_m2)
    threads = "all cores" if settings.threads is None else str(settings.threads)
    how = "standard deviation of the probability over four flips of the image (TTA), band 2 of probability.tif"
    uncertainty = [] if settings.uncertainty == "none" else [("Uncertainty", how)]
    pairs = [
        ("Threshold", f"landslide where the probability is at least {format_number(summary.threshold)}"),
        ("Minimum area", limit),
        ("Tiles", f"{settings.tile_px} pixels, overlap {settings.overlap_px} pixels"),
        ("Blocks", f"{settings.block_px} pixels"),
        ("Engine", f"{summary.engine} {summary.engine_version}, precision {settings.precision}, threads: {threads}"),
        *uncertainty,
        ("Inference time", format_duration(summary.network_s) + (" (resumed run)" if summary.resumed else "")),
        (
            "Created",
            f"{format_date(summary.created)}, {summary.created:%H:%M} {summary.created.tzname() or ''}".strip(),
        ),
        ("Versions", ", ".join(f"{name} {version}" for name, version in summary.versions.items())),
    ]
    return pairs_table(pairs)


def files_section(summary: Summary) -> str:
    """Return the section on the files, with checksums and steps to open them in QGIS."""
    rows = [
        (file.name, file.text, summary.files.get(file.name, "see summary.json" if file.name == "report.html" else "–"))
        for file in files_of(summary.files)
    ]
    rows.append(("item.json", "STAC item for catalogues", "see summary.json"))
    steps: tuple[str, ...] = (
        "Drag landslides.gpkg into the QGIS window: the polygons appear with their attributes. To start with the most "
        "likely ones, colour them by 'confidence' (Layer Properties, Symbology, Graduated).",
        "Drag probability.tif into QGIS: values are probabilities from 0 to 1, nodata is transparent. Apply another "
        "threshold with the Raster Calculator.",
        "Before use, verify the candidates with images from before and after the event.",
    )
    if summary.scene.crs is None:
        steps = (
            "This image has no CRS: the polygons are in pixel coordinates (column, row), with rows counted downwards, "
            "and cannot be overlaid on a map.",
            *steps[2:],
        )
    how = "<ol>" + "".join(f"<li>{step}</li>" for step in steps) + "</ol>"
    return plain_table(("File", "Content", "SHA-256"), rows, code=2) + "<h3>Open in QGIS</h3>" + how


def largest_note(summary: Summary, shown: int, card: Card) -> str:
    """Return the note above the table of the largest landslides: its extent and its columns."""
    count = summary.landslides
    which = (
        f"The {shown} largest of {count:,}"
        if shown < count
        else f"All {format_count(count, 'landslide', 'landslides')}"
    )
    if summary.change is not None:
        meaning = "the mean probability inside the polygon that it is a landslide and new."
    elif card.confidence:
        fitted = to_sentence(card.confidence.description)
        meaning = f"the estimated probability that the polygon is a landslide. {fitted}"
    else:
        meaning = "the mean probability inside the polygon (this detector has no fitted confidence model)."
    return (
        f"{which}; click a heading to sort. Length and width are the sides of the smallest enclosing rectangle. "
        f"Confidence is {meaning}"
    )


def masks_section(summary: Summary) -> str:
    """Return the section on the masks: their effect, rule, extent, and the candidates that they rule out."""
    effects = {"nodata": "hides the ground: nodata", "excluded": "rules a landslide out"}
    rows = [
        (
            KINDS[record.name].title,
            effects[record.effect],
            record.rule,
            f"{record.pixels:,}",
            format_area(record.area_m2),
            "–" if record.effect == "nodata" else f"{record.candidates:,}, {format_area(record.candidate_area_m2)}",
        )
        for record in summary.masks
    ]
    heads = ("Mask", "Effect", "Source and rule", "Pixels", "Area", "Candidates excluded")
    parts = [plain_table(heads, rows)] if rows else [paragraph("No mask was applied.")]
    if any(record.effect == "excluded" for record in summary.masks):
        parts.append(
            paragraph(
                "What rules a landslide out keeps its probability in probability.tif. The candidates there are in "
                "layer 'excluded' of landslides.gpkg, with the reason.",
                "note",
            )
        )
    left_out = [f"No mask of {KINDS[name].title}: {why}" for name, why in summary.settings.masks_left_out.items()]
    return "".join([*parts, bullet_list(map(to_sentence, left_out)) if left_out else ""])


def change_section(summary: Summary) -> str:
    """Return the section on the pair: dates, co-registration, normalisation, and what is not new; empty without one."""
    change = summary.change
    if change is None:
        return ""
    shifts = [f"{one.scene}: {_shift_text(one)}" for one in change.shifts]
    gains = ", ".join(
        f"{gain:.3f} x DN {offset:+.0f}" for gain, offset in zip(change.gains, change.offsets, strict=True)
    )
    pairs = [
        ("Before", f"{', '.join(change.before)} ({format_date(change.date_before)})"),
        ("After", f"{summary.scene.name} ({format_dates(summary.scene.dates)})"),
        ("Detector of change", f"{change.detector}; trained on {change.detector_trained_on}"),
        (
            "New",
            f"where the probability that a landslide is new, and that none was there before, is at least "
            f"{format_number(summary.threshold)}",
        ),
        ("Co-registration", "; ".join(shifts)),
        ("Normalisation", f"{gains} (red, green, blue), on {format_percent(change.stable_fraction)} of the pixels"),
        ("Index", change.index),
        (
            "Masks before",
            "; ".join(f"{name}: {', '.join(rules)}" for name, rules in change.masks_before.items())
            or "none by bands; snow and cloud by their colour",
        ),
    ]
    kept = [
        ("New landslides, in layer 'landslides'", f"{summary.landslides:,}", format_area(summary.landslide_area_m2)),
        ("Not new, in layer 'not_new'", f"{change.not_new:,}", format_area(change.not_new_area_m2)),
        *(
            (f"Ruled out by {KINDS[record.name].title}, in layer 'excluded'", f"{record.candidates:,}",
             format_area(record.candidate_area_m2))
            for record in summary.masks
            if record.effect == "excluded"
        ),
    ]  # fmt: skip
    return "".join(
        [
            "<section><h2>Change</h2>",
            pairs_table(pairs),
            "<h3>What became of the candidates</h3>",
            plain_table(("Candidates", "Number", "Area"), kept),
            "<h3>Evidence</h3>",
            plain_table(("Band of change.tif", "Source"), change.bands.items()),
            "</section>\n",
        ]
    )


def frequency_section(areas_m2: NDArray[np.float64], min_area_m2: float) -> str:
    """Return the chart of the frequency-area distribution with its note, or why there is none, as HTML.

    Args:
        areas_m2: of all landslides, (N,).
        min_area_m2: the smallest landslide that was mapped.
    """
    if len(areas_m2) < MIN_LANDSLIDES:
        few = format_count(len(areas_m2), "landslide", "landslides")
        return paragraph(f"{few}: too few for a frequency-area distribution, which needs {MIN_LANDSLIDES}.")
    chart = frequency_chart((frequency(areas_m2).series(),), min_area_m2)
    note = (
        "Error bars: Poisson error of the count in each class. Landslides of a few pixels are detected incompletely, "
        "so the left end depends on the image more than on the landslides. No law is fitted."
    )
    return chart_image(chart) + paragraph(note, "note")
