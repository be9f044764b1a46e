"""The command line: a thin layer over the library, one file a group of verbs.

Commands are imported when they are called, so that ``landslip --help`` is quick. Errors are one sentence on stderr.
"""

import os
import sys
from typing import Any, Final

import click

from landslip import __version__
from landslip.cli.lazy import LazyGroup
from landslip.errors import LandslipError

COMMANDS: Final = {
    "map": "Map the landslides of a scene.",
    "scene": "Look at a scene before mapping it.",
    "detector": "List, read, import, join, calibrate, write and time detectors.",
    "data": "Check, pack, look at and make labelled patches.",
    "evaluate": "Score a detector on labelled patches.",
    "ablate": "Find out what each channel is worth.",
    "stress": "Try a detector on changed images: size, blur, haze, clouds, lost channels.",
    "train": "Train a network and make a detector of it.",
    "page": "Serve a page: drop in an image, see the landslides.",
}
"""Every command with its help, in the order of use."""


@click.group(cls=LazyGroup, package=__name__, helps=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="landslip")
def landslip() -> None:
    """Find and map landslides in satellite images.

    \b
    landslip map SCENE.tif -o map/        maps a scene with the detector that comes with landslip
    landslip scene inspect SCENE.tif      says what is in a scene and how it would be read
    """


def main(arguments: list[str] | None = None, **extra: Any) -> None:
    """Run the command line; errors that a user can mend are one sentence on stderr, never a traceback."""
    # GDAL and SQLite write their own words to stderr before the error reaches us.
    os.environ.setdefault("CPL_LOG", os.devnull)
    try:
        landslip(arguments, **extra)
    except LandslipError as error:
        click.echo(f"landslip: {error}", err=True)
        sys.exit(error.exit_code)
