"""All text of the page, in English. Braces are filled in where a text is shown."""

from typing import Final

# Refused uploads.
NOTHING_GIVEN: Final = (
    "No file was given: choose one or more GeoTIFFs, Landslide4Sense .h5 files, RGB patches (PNG), or a zip."
)
TOO_MANY_FILES: Final = "{count} files exceed the limit of {most} per upload: put them into one zip, or choose fewer."
TOO_LARGE: Final = (
    "{name} has {size:,.0f} MB, more than the limit of {most:,} MB: crop it to the area of interest, or use the "
    "command landslip map."
)
SESSION_FULL: Final = (
    "Your session holds {held:,.0f} MB and this upload adds {total:,.0f} MB, more than the limit of {most:,} MB: start "
    "over to free space."
)
DISK_FULL: Final = "This server has no disk space left for the upload: try later, or ask its operator."
NOT_ACCEPTED: Final = (
    "{name} is {what}: choose a GeoTIFF, a JPEG 2000 file, a Landslide4Sense .h5 file, RGB patches (PNG), or a zip of "
    "them."
)
ZIP_DAMAGED: Final = "{name} is a damaged or unusual zip: create it again with a standard zip program."
ZIP_EMPTY: Final = "{name} holds no image: put GeoTIFFs, JPEG 2000, Landslide4Sense .h5 or PNG files into it."
ZIP_SKIPPED: Final = "{name}: {skipped} skipped (neither raster nor patch)."
ZIP_MEMBERS: Final = "{name} holds {count:,} entries, more than the limit of {most:,}: pack only the bands you need."
ZIP_BOMB: Final = (
    "{name} would expand from {packed:,.1f} to {size:,.0f} MB, which exceeds the limit of {most:,} MB or the "
    "compression ratio of any raster: pack less into it."
)
ZIP_ESCAPE: Final = (
    "{name} holds '{member}' at a path outside the archive: create it again with a standard zip program."
)
ZIP_LINK: Final = "{name} holds '{member}', a link or special file: pack the files themselves."
ZIP_ENCRYPTED: Final = "{name} is encrypted: pack it without a password."
TOO_MANY_PIXELS: Final = (
    "{name} declares {width:,} x {height:,} pixels ({size:,.0f} million), more than the limit of {most:,} million: "
    "crop it to the area of interest, or use the command landslip map."
)
TOO_MANY_BANDS: Final = "{name} has {count:,} bands, more than the limit of {most}: keep the channels you need."
TOO_MANY_PATCHES: Final = "{count} patches exceed the limit of {most} per upload: choose fewer."
PNG_UNREADABLE: Final = "{name} cannot be read as a PNG picture: export it again."
PNG_MODE: Final = (
    "{name} is neither an image (8-bit RGB) nor a mask (two values): RGB patches are PNG images with one mask each."
)
PNG_SIZES: Final = (
    "{name} has {width:,} x {height:,} pixels: all images and masks of an upload must have the same size, of at most "
    "{most:,} pixels a side."
)
PNG_SKIPPED: Final = "{count} PNG pictures beside the rasters were skipped: they have neither channel names nor a CRS."
PNG_BRIGHTNESS: Final = "PNG patches have relative brightness: use detectors for red, green and blue only"
MASKS_ALONE: Final = "Only masks were given: add the images that belong to them."
MASKS_UNMATCHED: Final = (
    "{count} masks match no image and were skipped; a mask is matched to its image by the number in its file name."
)
REFERENCE_NOT_ACCEPTED: Final = (
    "{name} is {what}: choose a GeoPackage, GeoJSON, KML or KMZ, FlatGeobuf or GeoParquet file, a zip of one "
    "shapefile, or a GeoTIFF of labels."
)
REFERENCE_FORMATS: Final = (
    "a GeoPackage, GeoJSON, KML or KMZ, FlatGeobuf or GeoParquet file, a zip of one shapefile, or a GeoTIFF of labels"
)
REFERENCE_GEOJSON: Final = (
    "{name} is not GeoJSON with features, or names its CRS in an unusual way: export it in longitude and latitude."
)
REFERENCE_TABLES: Final = (
    "{name} is damaged, or holds tables that point to other files: export its polygons to a new GeoPackage."
)
REFERENCE_EMPTY: Final = "{name} holds no polygon: choose a file with outlines of landslides."
REFERENCE_NODATA: Final = "{name} is nodata in all of this image: choose a reference of the same area."
REFERENCE_BACKGROUND: Final = "everything in the image outside the polygons counts as background"
ZIP_SHAPEFILES: Final = (
    "{name} holds {count} shapefiles or KML files: pack exactly one, a shapefile with its .shp, .shx, .dbf and .prj "
    "files."
)

# Failed jobs.
QUEUE_FULL: Final = "{count} tasks are waiting, the limit of this server: try again in a few minutes."
QUEUE_FULL_USER: Final = (
    "{count} of your tasks are waiting, the limit for one user: wait until they finish, or cancel one."
)
CLOSING: Final = "The server is shutting down: try again later."
OUT_OF_TIME: Final = (
    "This took longer than the limit of {limit} and was stopped: choose a smaller image, or use the command landslip "
    "map."
)
OUT_OF_MEMORY: Final = (
    "This exceeds the memory limit of this server: choose a smaller image, or one stored in smaller blocks."
)
WORKER_DIED: Final = (
    "The process that ran this task stopped unexpectedly and was restarted: try again. If it happens again, the file "
    "may be damaged."
)
PNG_TITLE: Final = "{count} RGB patches"
PATCHES_TITLE: Final = "{count} Landslide4Sense patches"
RASTERS_TITLE: Final = "{count} rasters"

# Frame.
TITLE: Final = "landslip"
TAGLINE: Final = "Map landslides in a satellite image"
PREDICT: Final = "Predict"
COMPARE: Final = "Compare"
EXPLORE: Final = "Explore"
DETECTORS: Final = "Detectors"
CANDIDATES: Final = (
    "**The results are candidate landslides.** Construction sites, quarries, river bars, bare fields and clouds are "
    "common false positives. Check the map before you act on it."
)
CREDIT: Final = (
    "Contains modified Copernicus Sentinel data. Detectors trained on Landslide4Sense (Ghorbanzadeh et al. 2022, "
    "doi 10.1109/TGRS.2022.3215209; CC BY 4.0)."
)
PRIVACY: Final = "Uploads stay on this server, are used for your maps only, and are deleted when you leave."

# Predict: image.
IMAGE: Final = "1 · Image"
EXAMPLE: Final = "Example"
UPLOAD: Final = "My files"
IMAGE_SOURCE: Final = "Image source"
EXAMPLE_LABEL: Final = "Example image"
EXAMPLE_NAMES: Final = {
    "chittagong": "Chittagong hills, Sentinel-2",
    "l4s-rgb-scene-b": "Landslide4Sense, 56 patches",
    "l4s-rgb-kept-apart": "Landslide4Sense, 57 held-out patches",
}
EXAMPLE_NOTES: Final = {
    "chittagong": (
        "Sentinel-2 at 10 m, hills and city; 61 % nodata, date unknown. No reference exists: the results are unchecked "
        "candidates, and most of those in the city are false positives."
    ),
    "l4s-rgb-scene-b": (
        "Rows 4 to 7 of scene B. s2-rgb-three-regions was trained on three of these rows; s2-rgb and s2-rgb-sensitive "
        "on none. Brightness is relative to each patch."
    ),
    "l4s-rgb-kept-apart": (
        "Rows 56 and 57 of scene A, 9 of B, 10 of C: no packaged detector was trained on them. The default was trained "
        "on other rows of these scenes; the two older detectors were validated on the rows of A. Brightness is "
        "relative to each patch."
    ),
}
UPLOADER: Final = "GeoTIFF or JPEG 2000, Landslide4Sense .h5, RGB patches (PNG), or a zip of a scene folder"
UPLOADER_HELP: Final = (
    "Several rasters are read as the channels of one scene, or as separate scenes if each holds all channels. Limits: "
    "{megabytes:,} MB per file, {megapixels:,} million pixels per scene."
)
HOW_TO_READ: Final = "How to read the files"
CHANNELS_FIELD: Final = "Channels"
CHANNELS_HELP: Final = (
    "One name per band, in order, such as B04,B03,B02,B08; '-' skips a band. Leave empty to use the names in the files."
)
SCALE_FIELD: Final = "Scale"
SCALE_HELP: Final = (
    "Factor from stored values to reflectance x 10,000, such as 10000 for reflectance in 0..1. Leave empty to use that "
    "of the files."
)
FROM_FILES: Final = "from the files"
TO_TOA_FIELD: Final = "Convert to top of atmosphere"
TO_TOA_HELP: Final = (
    "For surface reflectance (Level-2A) and detectors trained on Level-1C whose input is not normalised per channel: "
    "adds the light that clear air scatters."
)
TO_TOA_NOTE: Final = "converted to top-of-atmosphere reflectance"
OFFSET_FIELD: Final = "Offset (DN)"
OFFSET_HELP: Final = (
    "Added to reflectance, in DN: -1000 for Sentinel-2 products since processing baseline 04.00 whose metadata are not "
    "among the files. Leave empty to use what the files state."
)
NODATA_FIELD: Final = "Nodata value"
NODATA_HELP: Final = (
    "Stored value of pixels that were not observed, besides what the files declare, such as 65535. Leave empty if they "
    "declare all."
)
RASTERS_ONLY: Final = "For rasters: the units of patches are fixed by their data set."
PIXEL_FIELD: Final = "Pixel size (m)"
PIXEL_HELP: Final = "For images without a CRS only; leave empty for all others."
READ_BUTTON: Final = "Check the files"
READING: Final = "Checking the files"
START_OVER: Final = "Start over"
SOURCE_LABEL: Final = "Image"
NO_NOTES: Final = "No notes."
PATCHES_LINE: Final = "{count} patches, {labelled} with a reference mask"
SCENE_LINE: Final = "{width:,} x {height:,} pixels of {size:.3g} m; channels {channels}; about {valid:.0%} valid"
READ_NOTES: Final = "How the files were read"

# Predict: reference.
REFERENCE: Final = "Reference (optional)"
REFERENCE_UPLOADER: Final = (
    "Landslide polygons (GeoPackage, GeoJSON, KML, FlatGeobuf, GeoParquet, zipped shapefile) or a GeoTIFF of labels"
)
LANDSLIDE_VALUE_FIELD: Final = "Landslide value"
LANDSLIDE_VALUE_HELP: Final = "For a label raster that does not use 1 for landslide, 0 for background, 255 for nodata."
LAYER_FIELD: Final = "Layer"
LAYER_HELP: Final = "Name of the layer, for a file with several layers of polygons."
REFERENCE_BUTTON: Final = "Use as reference"
REFERENCE_READING: Final = "Reading the reference"
REFERENCE_REMOVE: Final = "Remove the reference"
REFERENCE_LINE: Final = "{count}; covers {valid:.0%} of the image."

# Predict: detector.
DETECTOR: Final = "2 · Detector"
DETECTOR_LABEL: Final = "Detectors"
MASKS: Final = "Masks"
MASKS_FIELD: Final = "What is masked"
MASKS_HELP: Final = (
    "Clouds, their shadow and snow are nodata in the map: nothing is known about landslides there. Water and dense "
    "vegetation rule landslides out: candidates there are listed apart. As far as the bands of the image allow."
)
MASK_NAMES: Final = {
    "clouds": "clouds",
    "shadow": "cloud shadow",
    "snow": "snow",
    "water": "water",
    "vegetation": "dense vegetation",
}
EXCLUDE_FIELD: Final = "Excluded area"
EXCLUDE_HELP: Final = "West, south, east, north in degrees: landslides are ruled out there."
EXCLUDE_UPLOADER: Final = (
    "Excluded area as a file of polygons (GeoPackage, GeoJSON, KML, FlatGeobuf, GeoParquet, zipped shapefile)"
)
EXCLUDE_LAYER_FIELD: Final = "Layer of the file"
EXCLUDE_TWICE: Final = "Give the excluded area as bounds or as a file, not both."
EXCLUDE_WRONG: Final = "'Excluded area' must be four numbers: west,south,east,north in degrees."
MAP_BUTTON: Final = "Map landslides"
NO_DETECTOR: Final = "Choose at least one detector."
MISSING_CHANNELS: Final = (
    "{detector} needs {channels}, which this image lacks: choose another detector, or add the missing files."
)
ABOUT_DETECTOR: Final = "About {name}"
WELCOME_IMAGE: Final = (
    "Keep the example in the sidebar, or upload your own files: a satellite image as GeoTIFF, Landslide4Sense patches, "
    "or a zip of a scene folder."
)
WELCOME_DETECTOR: Final = (
    "Keep the default detector, or choose several to show their maps side by side. Below each name are its training "
    "data, scores and limitations."
)
WELCOME_RESULT: Final = (
    "Press 'Map landslides'. The result shows outlines on the image, a table, controls for threshold and minimum area, "
    "and downloads for a GIS."
)

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

# Compare.
COMPARE_INTRO: Final = "Two results of one area, side by side: two detectors, two thresholds, or two dates."
COMPARE_NEEDS: Final = (
    "On the page Predict, map one area with two detectors, or two images of one area; then compare them here. One "
    "result is enough to compare two thresholds."
)
COMPARE_LEFT: Final = "Left"
COMPARE_RIGHT: Final = "Right"
SWIPE_ALT: Final = "Swipe between two results"
SWIPE_HELP: Final = (
    "Drag the line, or use the arrow keys. Drag the image to move it; zoom with the buttons, or with Ctrl and the "
    "wheel."
)
ZOOM_IN: Final = "Zoom in"
ZOOM_OUT: Final = "Zoom out"
ZOOM_FIT: Final = "Whole image"
DIFFERENT_GRIDS: Final = "These two images are on different grids and cannot be overlaid: only their totals are shown."
DIFFERENCES: Final = "Differences"
DIFFERENCE_COUNT: Final = "Landslides"
DIFFERENCE_AREA: Final = "Total area"
DIFFERENCE_LARGEST: Final = "Largest landslide"
DIFFERENCE_OVERLAPPING: Final = "Landslides that overlap one of the other result"
DIFFERENCE_UNMATCHED: Final = "Landslides without overlap"
DIFFERENCE_ONLY: Final = "Area in this result only"

# Explore.
EXPLORE_NEEDS: Final = "This server was started without a data set; its operator can set one."
EXPLORE_READ: Final = "Statistics of {read:,} of {patches:,} patches, sampled evenly over the data set."
EXPLORE_SUMMARY: Final = "{patches:,} patches of {side} x {side} px, channels {channels}"
CLASS_BALANCE: Final = "Class balance"
BALANCE_LINE: Final = "{fraction} of the labelled pixels are landslide; {patches} of the patches contain landslides."
BY_PATCH: Final = "Landslide fraction per patch"
BY_CHANNEL: Final = "Channel values by class"
CHANNEL: Final = "Channel"
BROWSE: Final = "Patches"
MOSAIC: Final = "Mosaic"
MOSAIC_BUTTON: Final = "Draw the mosaic"
MOSAIC_ALT: Final = "Scene {scene}: image (left), image with the reference landslides in yellow (right)"
MOSAIC_NONE: Final = (
    "The positions of these patches in their scenes are unknown; the command landslip data mosaic recovers them."
)
LANDSLIDE: Final = "landslide"
BACKGROUND: Final = "background"
SCENES: Final = "Scenes and splits"
FRACTION_AXIS: Final = "Landslide fraction of a patch (%)"
PATCHES_AXIS: Final = "Patches"
DENSITY_AXIS: Final = "% of the pixels of the class"
SUMMARISING: Final = "Computing the statistics"

# Detectors.
PUBLISHED: Final = "Published networks"
PUBLISHED_NOTE: Final = (
    "The networks published with arXiv 2507.01123 (Burange, Shinde, Mutyalwar 2025), trained on Landslide4Sense with "
    "14 channels. A button downloads the weights (up to some hundred MB) from the author's page to this server, "
    "converts them, and offers the detector to all users until the server ends. Their accuracy is "
    "unknown: evaluate them before use. Their licence is not stated."
)
PUBLISHED_NEEDS: Final = (
    "This server cannot load the networks published with arXiv 2507.01123: the extra 'train' is not installed "
    "(pip install 'landslip[train]')."
)
PUBLISHED_BUTTON: Final = "Load {network}"
PUBLISHED_LOADING: Final = "Loading {network}"
PUBLISHED_LOADED: Final = "{name} is loaded: choose it on the page Predict."
BENCHMARK: Final = "Engine benchmark"
BENCHMARK_BUTTON: Final = "Run the benchmark"
BENCHMARK_LABEL: Final = "Detector"
BENCHMARK_TITLE: Final = "Benchmark of {name}"
BENCHMARK_NOTE: Final = (
    "Best of several rounds on {tiles} synthetic tiles of {side} x {side} px on {cores} cores of this machine."
)
ENGINE: Final = "Engine"
PRECISION: Final = "Precision"
TILES_PER_S: Final = "Tiles per second"
LARGEST_DIFFERENCE: Final = "Largest difference in probability"
DETECTOR_INPUT: Final = "Input: {channels} at {size:g} m. Training data: {data}."
DETECTOR_THRESHOLD: Final = "Threshold {threshold:g}: {selection}."
DETECTOR_SCORES: Final = "Scores"
DETECTOR_LIMITS: Final = "Limitations"
REPORT: Final = "Report"
SIZE_LINE: Final = "{network}, {size:.1f} MB, {licence}, created {created}"
LIMITS_NOTE: Final = "Limits of this server: {mb:,} MB per file, {px:,} million pixels per scene, {run} per run."
