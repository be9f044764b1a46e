"""A command group that imports its commands when they are called, so that ``--help`` is fast."""

import keyword
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import click

from landslip.errors import LandslipError

_COMMAND: Final = "landslip.command"


class LazyGroup(click.Group):
    """A group that imports ``<package>.<name>`` for a command ``<name>``, and its ``command`` from there.

    The module of a command has underscores for hyphens, and one at the end where the name is a keyword of Python.
    Commands that are registered as in any other click group are listed after these.

    Args:
        arguments: arguments of ``click.Group``.
        package: dotted name of the package that holds a module for each command.
        helps: one line of help for each command, in the order of use.
        settings: keywords of ``click.Group``.
    """

    def __init__(
        self, *arguments: Any, package: str = "", helps: Mapping[str, str] | None = None, **settings: Any
    ) -> None:
        super().__init__(*arguments, **settings)
        self._package = package
        self._helps = helps or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of use."""
        return [*self._helps, *self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None where there is no command of this name."""
        if cmd_name not in self._helps:
            return super().get_command(ctx, cmd_name)
        module = cmd_name.replace("-", "_") + ("_" if keyword.iskeyword(cmd_name) else "")
        command: click.Command = import_module(f"{self._package}.{module}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command to run, and keep it for ``how_to_set``."""
        name, command, rest = super().resolve_command(ctx, args)
        ctx.meta[_COMMAND] = command
        return name, command, rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an error gets a note on how to set the parameter that it names."""
        try:
            return super().invoke(ctx)
        except LandslipError as error:
            if ctx.parent is None and (option := _option_for(error, ctx.meta.get(_COMMAND))):
                error.add_note(f"set it with {option}")
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing one."""
        eager = ((name, command.get_short_help_str(100)) for name, command in self.commands.items())
        with formatter.section("Commands"):
            formatter.write_dl([*self._helps.items(), *eager])


def _option_for(error: LandslipError, command: click.Command | None) -> str | None:
    """Return the option of a command that sets the parameter at fault, e.g. ``--scale``."""
    for option in command.params if command else ():
        if isinstance(option, click.Option) and option.name == error.parameter:
            return next((name for name in option.opts if name.startswith("--")), option.opts[0])
    return None
