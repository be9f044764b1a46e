"""``landslip inventory``: inventories of many maps."""

from typing import Final

import click

from landslip.cli.lazy import LazyGroup

COMMANDS: Final = {"merge": "Merge finished maps into one inventory."}


@click.group(cls=LazyGroup, package=__name__, helps=COMMANDS)
def command() -> None:
    """Inventories of many maps.

    \b
    Example:
      landslip inventory merge maps/ -o inventory/
    """
