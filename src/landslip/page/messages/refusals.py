"""Text about refused uploads and failed jobs."""

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
