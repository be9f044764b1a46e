"""``landslip data``: labelled patches, one file a verb, each imported when it is called."""

from typing import Final

import click

from landslip.cli.lazy import LazyGroup

VERBS: Final = {
    "check": "Say what a folder of Landslide4Sense files holds and what is wrong with it.",
    "pack": "Put the whole set in one store: lossless, a quarter of its size, fast to read.",
    "show": "Draw patches with their truth.",
    "mosaic": "Find the scenes that the patches were cut from.",
    "make": "Make synthetic patches and scenes.",
    "fetch": "Download the public files, verified.",
}
"""Every verb with its help, in the order of use."""


@click.group(cls=LazyGroup, package=__name__, helps=VERBS)
def command() -> None:
    """Check, pack, look at and make labelled patches."""
