"""``landslip detector``: what detectors there are, what their cards say, and what can be made of them."""

from typing import Final

import click

from landslip.cli.lazy import LazyGroup

VERBS: Final = {
    "list": "List the detectors that come with landslip.",
    "show": "Show the card of a detector.",
    "import": "Make a detector of weights that others trained.",
    "fetch": "Download published weights and make a detector of them.",
    "ensemble": "Join detectors, and turns and flips, into one that averages.",
    "adapt": "Set a detector to the light and ground of a place, without any truth.",
    "calibrate": "Choose a detector's temperature and threshold anew, on labelled patches.",
    "export": "Write a detector in the form that another tool wants.",
    "bench": "Time the engines on this machine.",
}
"""Every verb with its help, in the order of use."""


@click.group(cls=LazyGroup, package=__name__, helps=VERBS)
def command() -> None:
    """List detectors, read their cards; import, join, adapt, calibrate, write and time them."""
