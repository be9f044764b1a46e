"""A group of commands that are imported only when they are called, so that ``--help`` is quick."""

import keyword
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A group that knows its commands by name and help, and imports ``<package>.<name>`` for its ``command``.

    The module of a command whose name is a word of Python, such as ``import``, ends with an underscore.
    """

    def __init__(self, *arguments: Any, package: str, helps: Mapping[str, str], **settings: Any) -> None:
        """Make a group.

        Args:
            arguments: as for a click group.
            package: dotted name of the package that holds a module for each command.
            helps: every command with its help, in the order of use.
            settings: as for a click group.
        """
        super().__init__(*arguments, **settings)
        self._package = package
        self._helps = helps

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of use."""
        return list(self._helps)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self._helps:
            return None
        module = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command: click.Command = import_module(f"{self._package}.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._helps.items()))
