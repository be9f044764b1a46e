"""Text of the frame, and of the choice of image, reference, detector and masks."""

from typing import Final

# Frame.
TITLE: Final = "landslip"
TAGLINE: Final = "Map landslides in a satellite image"
PREDICT: Final = "Predict"
COMPARE: Final = "Compare"
BEFORE_LABEL: Final = "Image before the event"
BEFORE_NONE: Final = "None: map the image alone"
BEFORE_HELP: Final = "With an image before, only landslides that are new since are mapped."
BEFORE_DETECTOR: Final = "What is new is decided by a regression that was fitted with {name}: choose it for two dates."
BEFORE_NEEDS: Final = "To map what is new since an event, upload an image before it too."
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
EXAMPLE_BEFORE: Final = "Image before of the example"
EXAMPLE_NAMES: Final = {
    "hokkaido": "Hokkaido 2018, before and after",
    "wayanad": "Wayanad 2024, debris flow",
    "l4s-rgb-scene-b": "Landslide4Sense, 56 patches",
    "l4s-rgb-kept-apart": "Landslide4Sense, 57 held-out patches",
}
EXAMPLE_NOTES: Final = {
    "hokkaido": (
        "Sentinel-2 at 10 m before and after the earthquake of 6 September 2018: what is new since is mapped. Snow of "
        "the image before and small clouds are nodata."
    ),
    "wayanad": (
        "Sentinel-2 Level-2A at 10 m, some months after the debris flow of 30 July 2024; the date is unknown. It is "
        "converted to the top of the atmosphere, as the detectors need it. No reference exists: the results are "
        "unchecked candidates."
    ),
    "l4s-rgb-scene-b": (
        "Rows 4 to 7 of scene B, on three of which both packaged detectors were trained. Brightness is relative to "
        "each patch."
    ),
    "l4s-rgb-kept-apart": (
        "Rows 56 and 57 of scene A, 9 of B, 10 of C: no packaged detector was trained on them. Both were trained "
        "on other rows of these scenes. Brightness is relative to each patch."
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
