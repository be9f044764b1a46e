"""Text of the progress of a job and of its result: landslides, scores, downloads, patches."""

from typing import Final

# Progress.
WAITING_AHEAD: Final = "Waiting, {ahead} ahead"
WAITING_NEXT: Final = "Waiting, next in the queue"
STARTING: Final = "Starting"
STAGES: Final = {
    "mapping": "Mapping",
    "writing": "Writing the files",
    "drawing": "Rendering",
    "reading": "Reading",
    "timing": "Measuring",
    "downloading": "Downloading",
    "importing": "Converting",
}
REMAINING: Final = "{stage}: {fraction:.0%}, about {remaining} left"
STAGE_FRACTION: Final = "{stage}: {fraction:.0%}"
CANCEL: Final = "Cancel"
CANCELLED: Final = "Cancelled; its files were removed."
DISMISS: Final = "Dismiss"

# Result of a scene.
RESULT: Final = "3 · Result"
RESULT_LABEL: Final = "Result"
RESULT_OF: Final = "Result of"
SUMMARY_LINE: Final = "{count} candidate landslides · {area}"
THRESHOLD: Final = "Threshold"
THRESHOLD_HELP: Final = "Smallest probability of a landslide pixel; the detector's own threshold is {own:g}."
MIN_AREA: Final = "Minimum area (m²)"
MIN_SLOPE: Final = "Minimum mean slope (°)"
SLOPE_UNKNOWN: Final = "This image has neither slope nor elevation."
COMPOSITE: Final = "Composite"
TRUE_COLOUR: Final = "True colour"
FALSE_COLOUR: Final = "False colour"
ANY_CHANNELS: Final = "Custom"
CHANNELS_SHOWN: Final = "Red, green, blue (or one channel in grey)"
LAYERS: Final = "Layers"
SHOW_PROBABILITY: Final = "Probability"
SHOW_OUTLINES: Final = "Outlines"
SHOW_REFERENCE: Final = "Reference"
MAP_TAB: Final = "Map"
PICTURE_TAB: Final = "Image"
BEFORE_TAB: Final = "Before and after"
ONLY_NEW: Final = "Only new landslides"
ONLY_NEW_HELP: Final = "Off: candidates that were there before are outlined too, in blue."
BEFORE_SIDE: Final = "Before: {title}"
AFTER_SIDE: Final = "After: {title}"
BEFORE_ALT: Final = "Swipe between the images before and after"
SINCE: Final = "{detector}, since {before}"
SCORES_TAB: Final = "Scores"
DOWNLOAD_TAB: Final = "Download"
NO_CRS: Final = "This image has no CRS: outlines are in pixel coordinates and there is no map."
NO_MAP: Final = "This scene cannot be shown in Web Mercator (near a pole, or across the antimeridian): see 'Image'."
GO_TO: Final = "Go to a landslide (largest first)"
WHOLE: Final = "Whole image"
GO_TO_LINE: Final = "{number}: {area}, confidence {confidence:.0%}"
ATTRIBUTES: Final = "Candidate {number}"
NUMBER_HELP: Final = (
    "The number of a candidate is the row and column of its most probable pixel. It does not change with the "
    "threshold, and is the column 'candidate' of the files, whose ids (1, 2, 3 ...) do change."
)
SELECTED_GONE: Final = "Candidate {number} is left out at these settings; it is shown again when they include it."
SELECTED_JOINED: Final = "Candidate {number} is part of {larger} at these settings."
SHOWN_OF: Final = "The {shown:,} largest of {count:,} are shown; the files hold all of them."
LEGEND: Final = "Landslide probability"
PICTURE_ALT: Final = "{title}, {count} outlined in yellow"
TOOLTIP: Final = "Candidate {number}: {area_m2} m², confidence {confidence}"
TABLE_HELP: Final = "Sorted by area. Select a row to highlight that landslide."
NONE_FOUND: Final = "No landslides at these settings."
COLUMN_NAMES: Final = {
    "number": "No.",
    "id": "Id in the files",
    "area_m2": "Area (m²)",
    "confidence": "Confidence",
    "slope_mean_deg": "Mean slope (°)",
    "length_m": "Length (m)",
    "width_m": "Width (m)",
    "lon": "Longitude",
    "lat": "Latitude",
}
REDRAWING: Final = "Updating"

# Scores.
SCORE_LINE: Final = (
    "F1 {f1:.3f}, precision {precision:.3f}, recall {recall:.3f}, IoU {iou:.3f} at threshold {threshold:.3f} "
    "({definition}; this image only, without a protocol: not comparable with published scores)"
)
NO_REFERENCE: Final = "No reference was given, so there are no scores."
NO_REFERENCE_YET: Final = (
    "No reference was given, so there are no scores. Add one in the sidebar, under 'Reference (optional)'."
)
F1_INTERVAL: Final = "F1, 95 % interval: {low:.3f} to {high:.3f}, bootstrapped over {blocks}{few}."
NO_F1_INTERVAL: Final = "F1 has no interval: the image has only {blocks} to bootstrap over."
FEW_BLOCKS: Final = " (too few for a reliable interval)"
OBJECTS_LINE: Final = (
    "By landslide: {matches} of {reference} matched one to one at IoU of at least {iou:g}; {false} of {mapped} mapped "
    "landslides are false positives; {detected} reference landslides are detected in at least one pixel. Minimum area "
    "and slope do not apply here."
)
BEST_NOTE: Final = (
    "Highest F1 on this reference: {best:.3f} at threshold {threshold:.3f}. This threshold was selected on the data it "
    "is scored on, so its F1 is optimistic."
)
F1_AXIS: Final = "F1 by threshold"

# Downloads.
PREPARE: Final = "Create the files"
PREPARING: Final = "Creating the files"
PREPARE_NOTE: Final = "Files for the current settings: threshold {threshold:.3f}, minimum area {area:g} m²{slope}."
PREPARE_SLOPE: Final = ", minimum mean slope {slope:g}°"
FILE_NAMES: Final = {
    "landslides.gpkg": "Landslides, GeoPackage",
    "landslides.geojson": "Landslides, GeoJSON",
    "landslides.kml": "Landslides, KML",
    "landslides.parquet": "Landslides, GeoParquet",
    "probability.tif": "Probability, Cloud Optimized GeoTIFF",
    "probability.npy": "Probability, NumPy array",
    "masks.tif": "Masks, Cloud Optimized GeoTIFF",
    "excluded.parquet": "Excluded candidates, GeoParquet",
    "overview.png": "Map sheet, PNG",
    "report.html": "Report, HTML",
    "summary.json": "Summary with provenance, JSON",
    "item.json": "STAC item, JSON",
    "scores.csv": "Scores per patch, CSV",
}
ALL_IN_ONE: Final = "All files, zip"

# Patches.
PATCH_RANGE: Final = "Patches {first} to {last} of {count}"
PATCH_PAGE: Final = "Patches"
PATCH_SHOW: Final = "Show"
GO_TO_PATCHES: Final = "Highlight a landslide of these patches (largest first)"
NO_SELECTION: Final = "None"
PATCH_NUMBER_HELP: Final = (
    "The number of a candidate is its patch, and the row and column of its most probable pixel. It does not change "
    "with the threshold."
)
SELECTED_NOT_HERE: Final = "Candidate {number} is not in these patches at these settings."
PATCH_KINDS: Final = {"reference": "Reference outlines", "image": "Image"}
PATCH_LAYERS: Final = {
    "outlines": "Outlines",
    "probability": "Probability",
    "reference": "Reference",
    "errors": "Prediction against reference",
}
PATCH_LEGEND: Final = (
    "Green: true positive. Yellow: false negative. Vermilion: false positive. Purple: predicted landslide without a "
    "reference. Minimum area and slope do not apply to these colours."
)
