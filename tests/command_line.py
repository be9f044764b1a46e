"""The command line as a user meets it: arguments in; exit code, stdout and stderr out."""

from dataclasses import dataclass

from click.testing import CliRunner

from landslip.cli import main


@dataclass(frozen=True)
class Told:
    code: int
    out: str
    err: str


def run(*arguments: object) -> Told:
    """Run ``landslip`` with these arguments; whatever is not an exit fails the test."""
    runner = CliRunner()
    with runner.isolation() as (out, err, _):
        try:
            main([str(argument) for argument in arguments], prog_name="landslip")
            code = 0
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1
        return Told(code, out.getvalue().decode(), err.getvalue().decode())
