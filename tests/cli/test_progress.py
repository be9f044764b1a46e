"""Progress of the command line: one line in a terminal, a line every ten seconds in a log, nothing for short work."""

import io
import re

import pytest

from landslip.cli import progress
from landslip.cli.progress import ProgressLine, progress_line, progress_text


class Clock:
    """A clock that the test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def screen(written: str) -> str:
    """The line that a terminal shows after these characters."""
    cells: list[str] = []
    column = 0
    for character in written:
        if character == "\r":
            column = 0
            continue
        cells[column : column + 1] = [character]
        column += 1
    return "".join(cells).rstrip()


def run_stage(stream: io.StringIO, seconds: float, *, steps: int = 100, total: int = 100) -> ProgressLine:
    clock = Clock()
    line = ProgressLine(stream, clock)
    line("mapping", 0, total)
    for step in range(1, steps + 1):
        clock.now += seconds / steps
        line("mapping", total * step // steps, total)
    return line


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["log", "terminal"])
def test_work_under_two_seconds_prints_nothing(stream: io.StringIO) -> None:
    run_stage(stream, 1.9).close()
    assert stream.getvalue() == ""


def test_a_log_gets_at_most_one_plain_line_every_ten_seconds() -> None:
    log = io.StringIO()
    run_stage(log, 100, steps=10_000, total=3_000_000).close()
    lines = log.getvalue().splitlines()
    assert 9 <= len(lines) <= 11
    assert "\r" not in log.getvalue()
    assert all(re.fullmatch(r"mapping: \d+ % \(\d\.\d of 3\.0 Mpx\), \d+ s left", line) for line in lines)
    percent = [int(line.split()[1]) for line in lines]
    assert percent == sorted(percent)


def test_the_interval_of_a_log_holds_across_stages() -> None:
    log, clock = io.StringIO(), Clock()
    line = ProgressLine(log, clock)
    for _ in range(60):
        clock.now += 0.5
        for stage in ("training", "evaluating", "writing"):
            line(stage, 1, 2)
    assert len(log.getvalue().splitlines()) == 3


def test_a_terminal_shows_one_line_that_is_removed_at_the_end() -> None:
    terminal = Terminal()
    line = run_stage(terminal, 20)
    assert "\n" not in terminal.getvalue()
    assert screen(terminal.getvalue()).startswith("mapping: ")
    assert terminal.getvalue().count("\r") > 50, "it updates"
    line.close()
    assert screen(terminal.getvalue()) == ""


def test_a_shorter_line_leaves_nothing_of_the_longer_one_before_it() -> None:
    terminal, clock = Terminal(), Clock()
    line = ProgressLine(terminal, clock)
    for stage in ("reading all patches of the set", "drawing"):
        clock.now += 5
        line(stage, 1, 2)
    assert screen(terminal.getvalue()) == "drawing: 50 % (1 of 2)"


def test_a_line_is_never_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    terminal = Terminal()
    run_stage(terminal, 20, total=3_000_000)
    assert max(map(len, terminal.getvalue().split("\r"))) <= 19


def test_time_left_is_estimated_from_what_this_run_did() -> None:
    """A resumed run starts at what was done before: that part took no time."""
    assert progress_text("packing", 60, 100, before=50, elapsed_s=10).endswith("40 s left")
    assert progress_text("packing", 50, 100, before=50, elapsed_s=10) == "packing: 50 % (50 of 100)"
    assert progress_text("packing", 100, 100, elapsed_s=10) == "packing: 100 % (100 of 100)"
    assert progress_text("packing", 1, 101, elapsed_s=2).endswith("3 min left")
    assert progress_text("packing", 1, 1001, elapsed_s=10).endswith("2 h 47 min left")


@pytest.mark.parametrize(
    ("done", "total", "expected"),
    [(40, 80, "40 of 80 B"), (1_500, 3_000, "1.5 of 3.0 kB"), (10**9, 25 * 10**8, "1.0 of 2.5 GB")],
)
def test_large_counts_have_a_prefix(done: int, total: int, expected: str) -> None:
    assert f"({expected})" in progress_text("downloading", done, total)


def test_quiet_prints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr("sys.stderr", log)
    monkeypatch.setattr(progress, "DELAY_S", 0)
    with progress_line(quiet=True) as report:
        report("mapping", 1, 2)
    assert log.getvalue() == ""
    with progress_line(quiet=False) as report:
        report("mapping", 1, 2)
    assert log.getvalue() == "mapping: 50 % (1 of 2 px)\n"
