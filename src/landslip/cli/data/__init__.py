"""``landslip data``: labelled patches; one file per verb, imported when it is called."""

from typing import Final

import click

from landslip.cli.lazy import LazyGroup

VERBS: Final = {
    "fetch": "Download Landslide4Sense from its public sources, verified.",
    "check": "Check a folder of Landslide4Sense files.",
    "pack": "Pack Landslide4Sense files into one store: lossless, a quarter of the size, fast to read.",
    "show": "Draw patches with their labels.",
    "mosaic": "Recover the scenes that the patches were cut from.",
    "make": "Simulate patches or a scene, for tests and tutorials.",
    "pairs": "Make pairs of dates from labelled patches, for detectors of change.",
}
"""Every verb with its help, in the order of use."""


@click.group(cls=LazyGroup, package=__name__, helps=VERBS)
def command() -> None:
    """Download, check, pack, draw and simulate labelled patches.

    A patch is a small labelled image. A data set is a folder of RGB patches with masks, Landslide4Sense files (HDF5),
    or a store written by `landslip data pack`.

    \b
    Example:
      landslip data check TrainData/
      landslip data pack TrainData/ store/
    """
