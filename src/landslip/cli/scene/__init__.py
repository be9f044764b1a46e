"""``landslip scene``: rasters before they are mapped; one file per verb, imported when it is called."""

from typing import Final

import click

from landslip.cli.lazy import LazyGroup

VERBS: Final = {
    "inspect": "Show channels, values, units and date of a scene as they would be read.",
    "terrain": "Compute slope, aspect, curvature, relief and hillshade from elevation.",
}
"""Every verb with its help, in the order of use."""


@click.group(cls=LazyGroup, package=__name__, helps=VERBS)
def command() -> None:
    """Inspect rasters before mapping them, and compute terrain.

    \b
    Example:
      landslip scene inspect SCENE.tif
      landslip scene terrain DEM.tif -o terrain/
    """
