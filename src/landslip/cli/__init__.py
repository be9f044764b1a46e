"""The command line: one file per verb, each a thin layer over functions that Python code can import.

Commands are imported when they are called, so that ``landslip --help`` is fast. Errors are one sentence on stderr.
"""

import os
import sys
from typing import Any, Final

import click

from landslip import __version__
from landslip.cli.lazy import LazyGroup
from landslip.errors import LandslipError

COMMANDS: Final = {
    "map": "Map landslides in a scene: probability raster, polygons, report.",
    "inventory": "Merge finished maps into one inventory.",
    "scene": "Inspect rasters before mapping them.",
    "detector": "List, show, import, combine, adapt, calibrate, export and time detectors.",
    "data": "Download, check, pack, draw and simulate labelled patches.",
    "train": "Train a detector on labelled patches.",
    "evaluate": "Score a detector on labelled patches.",
    "evaluate-map": "Score a finished landslide map against reference landslides.",
    "evaluate-generalisation": "Judge detectors on regions left out, quiet ground and real scenes.",
    "cross-validate": "Train and score a recipe on every fold of a protocol.",
    "ablate": "Channel ablation study.",
    "stress": "Stress test: F1 under blur, noise, haze, clouds, resampling and lost channels.",
    "page": "Serve a web page to map uploaded images.",
}
"""Every command with its help, in the order of use."""

_CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True}


@click.group(cls=LazyGroup, package=__name__, helps=COMMANDS, context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="landslip")
def landslip() -> None:
    """Map landslides in satellite images.

    A scene is one or more rasters of one area. A detector is a trained segmentation model in one ONNX file; several
    come with the package. Mapping gives a probability raster, polygons for a GIS and a report.

    \b
    Example:
      landslip scene inspect SCENE.tif       show channels, units and date as they would be read
      landslip map SCENE.tif -o map/         map landslides with the default detector
    """


def main(arguments: list[str] | None = None, **extra: Any) -> None:
    """Run the command line; an error that the user can correct is one sentence on stderr, never a traceback."""
    # GDAL and SQLite print messages of their own to stderr before the error is raised.
    os.environ.setdefault("CPL_LOG", os.devnull)
    try:
        landslip(arguments, **extra)
    except LandslipError as error:
        notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        click.echo(f"landslip: {error}{notes}", err=True)
        sys.exit(error.exit_code)
