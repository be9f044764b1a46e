"""Every sentence of the page, in English, in one place. Braces are filled in by whoever says it."""

from typing import Final

# What is refused.
NOTHING_GIVEN: Final = "No file was given: choose one or more GeoTIFFs, Landslide4Sense .h5 files, or a zip."
TOO_MANY_FILES: Final = "{count} files are too many, {most} at once are allowed: put them into one zip, or take fewer."
TOO_LARGE: Final = (
    "{name} has {size:,.0f} MB, more than the {most:,} MB allowed here: cut out the area you need, or use landslip map."
)
VISIT_FULL: Final = (
    "Your visit holds {held:,.0f} MB already and this would add {total:,.0f} MB, more than the {most:,} MB allowed: "
    "start over to make room."
)
DISK_FULL: Final = "This server has no room left for the upload: try later, or ask who runs it."
NOT_TAKEN: Final = "{name} is {what}: give a GeoTIFF, a JPEG 2000 file, a Landslide4Sense .h5 file, or a zip of them."
ZIP_DAMAGED: Final = "{name} is a damaged zip, or packed in an unusual way: make it again with a plain zip program."
ZIP_WITHOUT: Final = (
    "{name} holds nothing that can be mapped: put GeoTIFFs, JPEG 2000 or Landslide4Sense .h5 files in it."
)
ZIP_LEFT: Final = "{name}: {left} left out, being no raster or patch."
ZIP_MEMBERS: Final = (
    "{name} holds {count:,} entries, more than the {most:,} allowed: pack only the bands that are needed."
)
ZIP_BOMB: Final = (
    "{name} would swell from {packed:,.1f} to {size:,.0f} MB, which no rasters do or is more than the {most:,} MB "
    "allowed: pack less into it."
)
ZIP_ESCAPE: Final = (
    "{name} holds '{member}', a path that leads out of the archive: make it again with a plain zip program."
)
ZIP_LINK: Final = "{name} holds '{member}', which is a link or no file at all: pack the files themselves."
ZIP_ENCRYPTED: Final = "{name} is encrypted: pack it without a password."
TOO_MANY_PIXELS: Final = (
    "{name} declares {width:,} x {height:,} pixels, {size:,.0f} million, more than the {most:,} million allowed here: "
    "cut out the area you need, or use landslip map."
)
TOO_MANY_BANDS: Final = "{name} has {count:,} bands, more than the {most} allowed: keep the channels that are needed."
TOO_MANY_PATCHES: Final = "{count} patches are too many, {most} at once are allowed: take fewer."
MASKS_ALONE: Final = "Only masks were given: add the images that belong to them."
MASKS_LONELY: Final = "{count} masks belong to no image and were left out; a mask is paired with its image by number."
TRUTH_NOT_TAKEN: Final = (
    "{name} is {what}: give the truth as a GeoPackage, a GeoJSON file, a zip of one shapefile, or a GeoTIFF of labels."
)
TRUTH_NO_GEOJSON: Final = (
    "{name} is no GeoJSON of features, or names its CRS in an unusual way: give features in longitude and latitude."
)
TRUTH_NO_TABLES: Final = (
    "{name} is damaged, or holds tables that lead elsewhere: export its polygons to a new GeoPackage."
)
TRUTH_EMPTY: Final = "{name} holds no polygon: give the outlines of landslides."
TRUTH_UNKNOWN: Final = "{name} knows nothing of this image: give the truth of the place that is shown."
TRUTH_ALL: Final = "everything in the image outside the polygons is taken for ground without landslides"
ZIP_SHAPEFILES: Final = "{name} holds {count} shapefiles: give a zip with one, its .shp, .shx, .dbf and .prj together."
QUEUE_FULL: Final = "{count} tasks are waiting, as many as this server takes: try again in a few minutes."
QUEUE_FULL_VISITOR: Final = (
    "{count} of your tasks are waiting, as many as one visitor may have: wait for them, or cancel one."
)
CLOSING: Final = "The page is closing down: try again later."
OUT_OF_TIME: Final = (
    "This took longer than the {limit} allowed here and was stopped: take a smaller image, or use landslip map."
)
OUT_OF_MEMORY: Final = (
    "This needs more memory than is allowed here: take a smaller image, or one packed in smaller blocks."
)
WORKER_DIED: Final = (
    "The process that worked on this was stopped, so there is no result; another has taken its place: try again. "
    "If it happens again, the file may be damaged."
)
SLOPE_LEFT_OUT: Final = "landslides with a mean slope below {slope:g} degrees, or of unknown slope, were left out"
PATCHES_TITLE: Final = "{count} Landslide4Sense patches"
SEVERAL_RASTERS: Final = "{count} rasters"

_COMMAND_LINE: Final = (
    ("--pixel-size METRES", "the pixel size under 'How the file is read'"),
    ("--pixel-size", "the pixel size"),
    ("with --channels", "under 'How the file is read'"),
    ("--channels", "the channels under 'How the file is read'"),
    (
        ": say which value is landslide with --landslide-value",
        ": say under 'Truth' which label means landslide",
    ),
    ("--landslide-value", "the label that means landslide"),
    ("--scale", "the scale under 'How the file is read'"),
    (": fetch it again", ": send the original file"),
)


def for_the_page(sentence: str) -> str:
    """A message of the package in the words of the page: options of the command line become fields."""
    for option, field in _COMMAND_LINE:
        sentence = sentence.replace(option, field)
    return sentence


# The frame.
TITLE: Final = "landslip"
TAGLINE: Final = "Drop in a satellite image, see the landslides."
PREDICT: Final = "Predict"
COMPARE: Final = "Compare"
EXPLORE: Final = "Explore the data"
DETECTORS: Final = "Detectors"
CANDIDATES: Final = (
    "**Candidates, not facts.** Building sites, quarries, river bars, bare fields and clouds look like landslides "
    "to a "
    "detector. Check its map before you act on it."
)
CREDIT: Final = (
    "Contains modified Copernicus Sentinel data. Detectors trained on Landslide4Sense (Ghorbanzadeh et al. 2022, "
    "doi 10.1109/TGRS.2022.3215209; CC BY 4.0)."
)
PRIVACY: Final = "What you upload stays on this server, is used for your maps alone, and is deleted when you leave."
UNTITLED_PAUSE: Final = "Starting ..."

# Predict: what to map.
IMAGE: Final = "1 · Image"
EXAMPLE: Final = "An example"
UPLOAD: Final = "My own files"
WHERE_FROM: Final = "Where does the image come from?"
EXAMPLE_LABEL: Final = "Example"
EXAMPLE_NAMES: Final = {
    "chittagong": "Chittagong hills, Sentinel-2",
    "l4s-rgb-scene-b": "Landslide4Sense, 56 patches",
    "l4s-rgb-kept-apart": "Landslide4Sense, 57 patches that no detector learned from",
}
EXAMPLE_NOTES: Final = {
    "chittagong": (
        "Sentinel-2 at 10 m, hills and city; 61 % of it is not observed, the date is not known. No truth: what is "
        "mapped are candidates that nobody has checked, and in the city most of them are wrong."
    ),
    "l4s-rgb-scene-b": (
        "Rows 4 to 7 of scene B; s2-rgb-three-regions learned from three of them, s2-rgb and s2-rgb-sensitive from "
        "none. Brightness is relative to each patch."
    ),
    "l4s-rgb-kept-apart": (
        "Rows 56 and 57 of scene A, 9 of B, 10 of C: no packaged detector learned from them; the default did "
        "from other rows of these scenes, and the older two were chosen on those of A. "
        "Brightness is relative to each patch."
    ),
}
UPLOADER: Final = "GeoTIFF or JPEG 2000 (one or many), Landslide4Sense .h5 (one or many), or a zip of a scene folder"
UPLOADER_HELP: Final = (
    "Several rasters are taken as the channels of one scene, or, where each is whole, as scenes of their own. "
    "At most {megabytes:,} MB a file and {megapixels:,} million pixels."
)
HOW_READ: Final = "How the file is read"
CHANNELS_FIELD: Final = "Channels, one for each band in order"
CHANNELS_HELP: Final = "Such as B04,B03,B02,B08; '-' skips a band. Left empty, names inside the files decide."
SCALE_FIELD: Final = "Scale"
SCALE_HELP: Final = (
    "Stored value x scale = reflectance x 10,000. 10000 for reflectance from 0 to 1; 0 lets the file decide."
)
PIXEL_FIELD: Final = "Pixel size in metres"
PIXEL_HELP: Final = "Only for images without a place on Earth (no CRS); 0 for all others."
READ_BUTTON: Final = "Check the files"
READING: Final = "Checking the files"
HELD: Final = "**{title}**"
START_OVER: Final = "Start over"

# Predict: a truth to score against.
TRUTH: Final = "Truth, if you have one"
TRUTH_UPLOADER: Final = "Polygons (GeoPackage, GeoJSON, a zip of a shapefile) or a GeoTIFF of labels"
TRUTH_VALUE_FIELD: Final = "Label that means landslide"
TRUTH_VALUE_HELP: Final = "For a GeoTIFF that does not hold 1 for landslide, 0 for the rest and 255 for not known."
TRUTH_BUTTON: Final = "Lay it over the image"
TRUTH_READING: Final = "Reading the truth"
TRUTH_REMOVE: Final = "Take it away"
TRUTH_HELD: Final = "{count} of the truth, which knows {known:.0%} of the image."

# Predict: with what.
WITH: Final = "2 · Detector"
DETECTOR_LABEL: Final = "One, or several side by side"
MAP_BUTTON: Final = "Map the landslides"
NO_DETECTOR: Final = "Choose at least one detector."
MISSING_CHANNELS: Final = "{detector} needs {channels}, which this image lacks: choose another, or add the files."

# Progress.
WAITING_AHEAD: Final = "Waiting: {ahead} before it"
WAITING_NEXT: Final = "Waiting: it is next"
STARTING: Final = "Starting"
DOING: Final = {
    "mapping": "Mapping",
    "writing": "Writing the files",
    "drawing": "Drawing",
    "reading": "Reading",
    "timing": "Timing",
}
LEFT: Final = "{doing}: {share:.0%}, about {left} left"
DOING_SHARE: Final = "{doing}: {share:.0%}"
CANCEL: Final = "Cancel"
CANCELLED: Final = "Cancelled; nothing was kept."
DISMISS: Final = "Close"

# Predict: the result.
RESULT: Final = "3 · Result"
RESULT_LABEL: Final = "Result"
SUMMARY_LINE: Final = "{count} candidate landslides · {area}"
THRESHOLD: Final = "Threshold"
THRESHOLD_HELP: Final = "Probability from which a pixel counts as landslide. The detector's own is {own:g}."
MIN_AREA: Final = "Minimum area (m²)"
MIN_SLOPE: Final = "Minimum mean slope (degrees)"
SLOPE_UNKNOWN: Final = "Minimum slope: this image has neither slope nor elevation."
VIEW: Final = "View"
TRUE_COLOUR: Final = "True colour"
FALSE_COLOUR: Final = "False colour"
ANY_CHANNELS: Final = "Any channels"
RED_GREEN_BLUE: Final = ("Red", "Green", "Blue")
SHOW_PROBABILITY: Final = "Probability"
SHOW_OUTLINES: Final = "Outlines"
SHOW_TRUTH: Final = "Truth"
MAP_TAB: Final = "Map"
PICTURE_TAB: Final = "Picture"
TABLE_TAB: Final = "Table"
SCORES_TAB: Final = "Scores"
DOWNLOAD_TAB: Final = "Download"
NO_PLACE: Final = "This image has no place on Earth, so it is shown as a picture; outlines are in pixel coordinates."
NO_MAP: Final = (
    "This place cannot be shown on the web's map (near a pole, or across the antimeridian): see the picture."
)
GO_TO: Final = "Go to a landslide (largest first)"
WHOLE: Final = "The whole image"
GO_TO_LINE: Final = "No. {id}: {area}, confidence {confidence:.0%}"
ATTRIBUTES: Final = "Landslide {id}"
SHOWN_OF: Final = "The {shown:,} largest of {count:,} are shown; the files have all."
LEGEND: Final = "Probability of landslide"
PICTURE_ALT: Final = "{title}, {count} outlined in yellow"
TOOLTIP: Final = "Landslide {id}: {area_m2} m², confidence {confidence}"
WARNINGS: Final = "Please note"
HOW_TAKEN: Final = "What was taken from the files"
TABLE_HELP: Final = "Sorted by area. Choose a row to go to it on the map."
NONE_FOUND: Final = "No landslide at these settings."
COLUMN_NAMES: Final = {
    "id": "No.",
    "area_m2": "Area (m²)",
    "confidence": "Confidence",
    "probability_mean": "Mean probability",
    "slope_mean_deg": "Mean slope (°)",
    "length_m": "Length (m)",
    "width_m": "Width (m)",
    "lon": "Longitude",
    "lat": "Latitude",
}
SCORE_LINE: Final = (
    "F1 {f1:.3f}, precision {precision:.3f}, recall {recall:.3f}, IoU {iou:.3f} at threshold {threshold:.3f} "
    "({definition}; this image alone, no protocol: do not compare with published scores)"
)
NO_TRUTH: Final = "No truth was given, so there is no score."
NO_TRUTH_YET: Final = "No truth was given, so there is no score. Give one at the left, under 'Truth, if you have one'."
F1_INTERVAL: Final = "F1: 95 % between {low:.3f} and {high:.3f}, over {blocks} of the ground{few}."
TOO_FEW: Final = ", too few to trust it"
OBJECTS_LINE: Final = (
    "{pairs} of {truth} found and {false} of {mapped} mapped ones false, paired one to one from an IoU of {iou:g} on; "
    "{touched} of the true ones touched. Minimum area and slope do not count here."
)
BEST_NOTE: Final = (
    "On this truth F1 would be highest ({best:.3f}) at a threshold of {threshold:.3f}. Chosen on what it is scored "
    "on, it "
    "says what could be, not what to expect elsewhere."
)
F1_AXIS: Final = "F1 by threshold"
PREPARE: Final = "Make the files"
PREPARE_NOTE: Final = (
    "Files are made for the settings above: threshold {threshold:.3f}, minimum area {area:g} m²{slope}."
)
FILE_NAMES: Final = {
    "landslides.gpkg": "GeoPackage: landslides for a GIS",
    "landslides.geojson": "GeoJSON: landslides for the web",
    "landslides.kml": "KML: landslides for Google Earth",
    "landslides.parquet": "GeoParquet: landslides for analysis",
    "probability.tif": "GeoTIFF (COG): probability",
    "probability.npy": "NumPy array (.npy): probability",
    "overview.png": "PNG: map sheet",
    "report.html": "Report",
    "summary.json": "Summary: how the map was made",
    "item.json": "STAC item",
    "scores.csv": "Scores by patch (CSV)",
}
ALL_IN_ONE: Final = "Everything in one zip"
PATCH_VIEW: Final = "Patches {first} to {last} of {count}"
PATCH_PAGE: Final = "Which patches"
PATCH_SHOW: Final = "Show"
PATCH_KINDS: Final = {
    "found": "What was found",
    "truth": "Truth outlined",
    "probability": "Probability",
    "seen": "The image alone",
}
PATCH_LEGEND: Final = "Green: found rightly. Yellow: missed. Vermilion: found where the truth has none."
PATCH_ALT: Final = "Patch {id}: {kind}; {line}"

# Compare.
COMPARE_INTRO: Final = "Two results of one place, side by side: two detectors, two thresholds, or two dates."
COMPARE_NEEDS: Final = (
    "Map one place with two detectors, or two images of one place, on the page Predict; then compare them here. One "
    "result is enough to compare two thresholds."
)
COMPARE_LEFT: Final = "Left"
COMPARE_RIGHT: Final = "Right"
SWIPE_ALT: Final = "Swipe between two results"
SWIPE_HELP: Final = "Drag the line, or use the arrow keys."
DIFFERENT_PLACE: Final = (
    "These two images do not lie on one grid, so they cannot be laid over each other: the table compares their figures."
)
DIFFERS: Final = "What differs"
CATALOGUE: Final = "From a catalogue"
CATALOGUE_LATER: Final = (
    "Searching satellite images by area and date is not part of this version: upload the two images instead."
)

# Explore.
EXPLORE_NEEDS: Final = "No data set was given when this page was started; whoever runs it can name one with --data DIR."
EXPLORE_READ: Final = "Figures of {read:,} of {patches:,} patches, spread evenly over the set."
CLASS_BALANCE: Final = "Class balance"
BY_PATCH: Final = "Landslide share by patch"
BY_CHANNEL: Final = "Values by class and channel"
CHANNEL: Final = "Channel"
BROWSE: Final = "Browse"
MOSAIC: Final = "Scenes on their mosaic"
MOSAIC_BUTTON: Final = "Draw the mosaic"
MOSAIC_ALT: Final = "Scene {scene}: the ground, and beside it the landslides of the truth in yellow"
MOSAIC_NONE: Final = "The places of these patches are not known; landslip data mosaic finds them."
SYNTHETIC: Final = "These data are synthetic."

# Detectors.
BENCH: Final = "Engines on this machine"
BENCH_BUTTON: Final = "Time the engines"
BENCH_NOTE: Final = (
    "Best of several rounds on {tiles} synthetic tiles of {side} x {side} px, {cores} cores, float32 unless named."
)
DETECTOR_SCORES: Final = "How good it is"
DETECTOR_LIMITS: Final = "What it is not good for"
SETTINGS_NOTE: Final = "Largest file {mb:,} MB; largest scene {px:,} million pixels; longest run {run}."
WELCOME_IMAGE: Final = (
    "At the left, keep the example or drop in files of your own: a satellite image as GeoTIFF, Landslide4Sense "
    "patches, or "
    "a zip of a scene folder."
)
WELCOME_DETECTOR: Final = (
    "Keep the detector that is chosen, or run two side by side. What each was trained on, how good it is and what "
    "it is not "
    "good for stands under its name."
)
WELCOME_RESULT: Final = (
    "Then map. The landslides appear outlined on the image, with a table, sliders that redraw at once, and files for "
    "a GIS."
)
ABOUT_DETECTOR: Final = "About {name}"
HELD_LABEL: Final = "Image"
NOTHING_TO_SAY: Final = "Nothing to add."
PATCHES_HELD: Final = "{count} patches, {labelled} of them with a truth"
SCENE_HELD: Final = (
    "{width:,} x {height:,} pixels of {size:.3g} m; channels {channels}; about {observed:.0%} of it observed"
)
LAYERS: Final = "Layers"
CHANNELS_SHOWN: Final = "Red, green, blue (or one, in grey)"
REDRAWING: Final = "Redrawing"
PREPARING: Final = "Making the files"
PREPARE_SLOPE: Final = ", minimum mean slope {slope:g}°"
DIFFERS_COUNT: Final = "Landslides"
DIFFERS_AREA: Final = "Area"
DIFFERS_LARGEST: Final = "Largest"
DIFFERS_BOTH: Final = "... that meet one of the other"
DIFFERS_ALONE: Final = "... that stand alone"
DIFFERS_ALONE_AREA: Final = "Area that only this one has"
LANDSLIDE: Final = "landslide"
BACKGROUND: Final = "not landslide"
UNKNOWN: Final = "truth not known"
EXPLORE_SUMMARY: Final = "{patches:,} patches of {side} x {side} px, channels {channels}"
BALANCE_LINE: Final = "{share} of the pixels with a known truth are landslide; {patches} of the patches hold one."
SCENES: Final = "Scenes and splits"
SHARE_AXIS: Final = "Landslide share of a patch (%)"
PATCHES_AXIS: Final = "Patches"
DENSITY_AXIS: Final = "% of the pixels of the class"
COUNTING: Final = "Summing up the data set"
ENGINE: Final = "Engine"
PRECISION: Final = "Precision"
TILES_PER_S: Final = "Tiles a second"
LARGEST_DIFFERENCE: Final = "Largest difference in probability"
REPORT: Final = "Report"
SIZE_LINE: Final = "{network}, {size:.1f} MB, {licence}, made {made}"
TIMING: Final = "Timing {name}"
DETECTOR_LABEL_ONE: Final = "Detector to time"
