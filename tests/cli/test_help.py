"""Help and errors of the command line: complete, in plain terms, and shown without importing what takes long."""

import json
import subprocess
import sys

import click
import pytest

from command_line import run
from landslip.cli import COMMANDS, data, detector, landslip
from landslip.cli.options import ENGINES, PRECISIONS, PROTOCOLS

VERBS = [("data", verb) for verb in data.VERBS] + [("detector", verb) for verb in detector.VERBS]
ALL = [(name,) for name in COMMANDS] + [("scene", "inspect"), ("scene", "terrain"), *VERBS]

HEAVY = {"numpy", "rasterio", "shapely", "geopandas", "pyproj", "onnx", "openvino", "onnxruntime", "torch", "pydantic"}


def modules_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has imported after running some code."""
    printed = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return set(json.loads(printed.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import landslip",
        "from click.testing import CliRunner\nfrom landslip.cli import landslip\n"
        "assert CliRunner().invoke(landslip, ['--help']).exit_code == 0",
        "from click.testing import CliRunner\nfrom landslip.cli import landslip\n"
        "assert CliRunner().invoke(landslip, ['map', '--help']).exit_code == 0",
        "from click.testing import CliRunner\nfrom landslip.cli import landslip\n"
        "assert CliRunner().invoke(landslip, ['data', '--help']).exit_code == 0",
    ],
    ids=["import", "help", "map help", "data help"],
)
def test_starting_imports_nothing_heavy(code: str) -> None:
    assert not modules_after(code) & HEAVY


def command_at(path: tuple[str, ...]) -> tuple[click.Command, click.Context]:
    command: click.Command = landslip
    context = click.Context(landslip)
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(context, name)
        assert found is not None
        command = found
    return command, context


@pytest.mark.parametrize(("path", "names"), [((), COMMANDS), (("data",), data.VERBS), (("detector",), detector.VERBS)])
def test_help_lists_commands_in_the_order_of_use(path: tuple[str, ...], names: dict[str, str]) -> None:
    outcome = run(*path, "--help")
    assert outcome.code == 0
    positions = [outcome.out.index(f"\n  {name} ") for name in names]
    assert positions == sorted(positions)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_and_option_has_help(path: tuple[str, ...]) -> None:
    outcome = run(*path, "--help")
    assert outcome.code == 0
    assert outcome.out.startswith(f"Usage: landslip {' '.join(path)} ")
    assert "RANGE" not in outcome.out, "placeholders are named"
    command, _ = command_at(path)
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert option.help.endswith((".", "]")), option.help


@pytest.mark.parametrize("path", [(), ("scene",), ("data",), ("detector",)], ids=lambda path: " ".join(path) or "root")
def test_every_group_shows_an_example(path: tuple[str, ...]) -> None:
    assert "Example:\n    landslip " in run(*path, "--help").out


def test_one_name_has_one_meaning() -> None:
    """The short option -o is always the output path, -q always quiet."""
    for path in ALL:
        command, _ = command_at(path)
        for option in command.params:
            for short, name in (("-o", "out"), ("-q", "quiet")):
                assert (short in option.opts) == (option.name == name), (path, option.opts)


def test_choices_are_those_of_the_library() -> None:
    from typing import get_args

    from landslip.datasets.splits import ProtocolName
    from landslip.inference.engine import ENGINES as LIBRARY_ENGINES
    from landslip.inference.engine import Precision

    assert set(ENGINES) == {"auto", *LIBRARY_ENGINES}
    assert get_args(Precision) == PRECISIONS
    assert set(PROTOCOLS) == set(get_args(ProtocolName))


def test_an_error_names_the_option_of_its_parameter() -> None:
    outcome = run("cross-validate", "data", "--seeds", "a")
    assert outcome.code == 2
    assert outcome.err == (
        "landslip: invalid seeds 'a': expected comma-separated integers, e.g. 1,2,3 (set it with --seeds)\n"
    )


def test_an_error_names_no_option_that_the_command_lacks() -> None:
    """The name of a detector is an argument of ``show``, an option of ``map``."""
    outcome = run("detector", "show", "no-such-detector")
    assert outcome.code == 2
    assert "set it with" not in outcome.err
