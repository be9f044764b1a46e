"""``landslip scene``: rasters before they are mapped; one file per verb, imported when it is called."""

from typing import Final

import click

from landslip.cli.lazy import LazyGroup

VERBS: Final = {
    "fetch": "Fetch Sentinel-2 images and elevation of an area and a date from a STAC catalogue.",
    "inspect": "Show channels, values, units and date of a scene as they would be read.",
    "terrain": "Compute slope, aspect, curvature, relief and hillshade from elevation.",
}
"""Every verb with its help, in the order of use."""


@click.group(cls=LazyGroup, package=__name__, helps=VERBS)
def command() -> None:
    """Fetch scenes, inspect rasters before mapping them, and compute terrain.

    \b
    Example:
      landslip scene fetch --area 141.8,42.6,142.1,42.8 --date 2018-09-06 -o atsuma/
      landslip scene inspect SCENE.tif
      landslip scene terrain DEM.tif -o terrain/
    """
