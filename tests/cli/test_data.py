"""The verbs of ``landslip data``: all there, each with its help, none imported before it is called."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from landslip.cli import landslip
from landslip.cli.data import VERBS


def test_the_help_lists_the_verbs_in_the_order_of_use() -> None:
    text = CliRunner().invoke(landslip, ["data", "--help"]).stdout
    places = [text.index(f"\n  {verb} ") for verb in VERBS]
    assert places == sorted(places)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str) -> None:
    result = CliRunner().invoke(landslip, ["data", verb, "--help"])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: landslip data {verb}")


def test_help_imports_no_library_that_only_the_work_needs() -> None:
    code = (
        "import sys; from landslip.cli import landslip; landslip(['data', '--help'], standalone_mode=False);"
        "print('loaded', *sorted({'numpy', 'h5py', 'torch', 'rasterio', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded"
