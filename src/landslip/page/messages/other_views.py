"""Text of the views Compare, Explore and Detectors."""

from typing import Final

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
