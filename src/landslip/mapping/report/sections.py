"""The sections of the report that say how a map was made: detector, image, settings, files."""

from pyproj import CRS

from landslip.channels import CHANNELS
from landslip.detector.card import Card, Score
from landslip.figures.formatting import (
    area_text,
    count_text,
    date_text,
    duration_text,
    length_text,
    number_text,
    sentence,
    share_text,
)
from landslip.figures.html_tables import bullets, pairs_table, paragraph, plain_table
from landslip.mapping.metadata.map_files import MAP_FILES
from landslip.mapping.metadata.summary import Summary


def detector_section(summary: Summary, card: Card) -> str:
    """What found the landslides: its training, its scores with their protocol, what it is not good for."""
    channels = ", ".join(f"{name} ({CHANNELS[name].title}, {CHANNELS[name].unit})" for name in card.channels)
    pairs = [
        ("Detector", f"{card.title} ({card.name})"),
        ("Network", card.network),
        ("Sees", channels),
        ("Trained on", card.trained_on),
        ("Pixels in training", length_text(card.pixel_size_m)),
        ("Its own threshold", f"{number_text(card.threshold)}; {card.threshold_chosen}"),
        ("Normalisation", card.normalisation.text),
        ("Calibration", f"temperature {number_text(card.temperature)}"),
        ("Licence", card.licence),
        ("SHA-256 of its file", summary.detector_sha256),
    ]
    parts = [pairs_table(pairs), "<h3>How well it did where the truth is known</h3>"]
    if card.scores:
        heads = ("Data", "Protocol", "Precision", "Recall", "F1", "IoU", "Patches", "Seeds", "Definition")
        parts.append(plain_table(heads, (_score_row(score) for score in card.scores)))
        parts.append(
            paragraph(
                "Figures of different protocols or definitions do not compare. This map may be better or worse.", "note"
            )
        )
    else:
        parts.append(paragraph(card.unmeasured))
    return "".join([*parts, "<h3>What it is not good for</h3>", bullets(map(sentence, card.not_good_for))])


def _score_row(score: Score) -> tuple[str, ...]:
    interval = f" ({score.f1_interval[0]:.3f} to {score.f1_interval[1]:.3f})" if score.f1_interval else ""
    return (
        score.data,
        score.protocol,
        f"{score.precision:.3f}",
        f"{score.recall:.3f}",
        f"{score.f1:.3f}{interval}",
        f"{score.iou:.3f}",
        f"{score.patches:,}",
        ", ".join(map(str, score.seeds)) or "not said",
        score.definition,
    )


def image_section(summary: Summary) -> str:
    """What was mapped, and where each channel came from."""
    scene = summary.scene
    pixel_x_m, pixel_y_m = scene.pixel_size_m
    crs = "none: coordinates are pixels of the image"
    if scene.crs:
        # A long text is WKT: its name is for people, the whole is in summary.json.
        crs = scene.crs if len(scene.crs) < 40 else CRS.from_user_input(scene.crs).name
    pairs = [
        ("Scene", scene.name),
        ("Image taken on", date_text(scene.date)),
        ("Coordinates", crs),
        ("Size", f"{scene.width:,} x {scene.height:,} pixels"),
        ("Pixel at the centre", f"{length_text(pixel_x_m)} x {length_text(pixel_y_m)}"),
        ("Observed", f"{share_text(summary.observed_share)} of the pixels, {area_text(summary.observed_area_m2)}"),
        ("Area of interest", summary.settings.aoi or "the whole image"),
    ]
    sources = plain_table(("Channel", "Taken from"), scene.sources.items())
    return pairs_table(pairs) + "<h3>Where each channel came from</h3>" + sources


def settings_section(summary: Summary) -> str:
    """Settings, engine and versions."""
    settings = summary.settings
    limit = "none" if settings.min_area_m2 <= 0 else area_text(settings.min_area_m2)
    threads = "as many as the engine likes" if settings.threads is None else str(settings.threads)
    how = "probability.tif, band 2: standard deviation of the probability over four flipped looks at the image"
    uncertainty = [] if settings.uncertainty == "none" else [("Uncertainty", how)]
    pairs = [
        ("Threshold", f"landslide where the probability is at least {number_text(summary.threshold)}"),
        ("Smallest landslide kept", limit),
        ("Tiles", f"{settings.tile_px} pixels, overlapping by {settings.overlap_px}"),
        ("Blocks", f"{settings.block_px} pixels"),
        ("Engine", f"{summary.engine} {summary.engine_version}, precision {settings.precision}, threads: {threads}"),
        *uncertainty,
        ("Time in the network", duration_text(summary.network_s) + (" (after resuming)" if summary.resumed else "")),
        ("Made on", f"{date_text(summary.created)}, {summary.created:%H:%M} {summary.created.tzname() or ''}".strip()),
        ("Versions", ", ".join(f"{name} {version}" for name, version in summary.versions.items())),
    ]
    return pairs_table(pairs)


def files_section(summary: Summary) -> str:
    """The files with their checksums, and how to open them."""
    rows = [
        (file.name, file.text, summary.files.get(file.name, "see summary.json" if file.name == "report.html" else "–"))
        for file in MAP_FILES
    ]
    rows.append(("item.json", "STAC item: the same for catalogues", "see summary.json"))
    steps: tuple[str, ...] = (
        "Drag landslides.gpkg into the QGIS window: the polygons appear with their attributes. Colour them by "
        "'confidence' (Layer Properties, Symbology, Graduated) to look at the surest first.",
        "Drag probability.tif into QGIS too: values are probabilities from 0 to 1, not observed ground is transparent. "
        "To see what another threshold would find, use the Raster Calculator.",
        "Check the candidates against imagery from before and after the event before you use them.",
    )
    if summary.scene.crs is None:
        steps = (
            "This image has no coordinates: in QGIS the polygons lie in pixel coordinates (column, row), with rows "
            "counted downwards, and do not fall on a map.",
            *steps[2:],
        )
    how = "<ol>" + "".join(f"<li>{step}</li>" for step in steps) + "</ol>"
    return plain_table(("File", "What it is", "SHA-256"), rows, code=2) + "<h3>Opening them in QGIS</h3>" + how


def largest_note(count: int, shown: int, card: Card) -> str:
    """What the table of the largest landslides shows, and what its columns mean."""
    which = (
        f"The {shown} largest of {count:,}" if shown < count else f"All {count_text(count, 'landslide', 'landslides')}"
    )
    meaning = (
        f"how likely it is that the polygon is a landslide. {sentence(card.confidence.text)}"
        if card.confidence
        else "the mean probability inside the polygon: nothing better was fitted for this detector."
    )
    return (
        f"{which}; click a head to sort. Length and width are the sides of the smallest rectangle around it. "
        f"Confidence is {meaning}"
    )
