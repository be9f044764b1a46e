"""Parts of a patch set: whole scenes and blocks of rows."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from landslip.datasets.rgb import PatchEntry
from landslip.datasets.splits import Part, rows_from_text
from landslip.errors import PatchesError


def entry(scene: str, row: int | None) -> PatchEntry:
    return PatchEntry(1, scene, row, 0, Path("image_1.png"), Path("mask_1.png"))


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 120))
def test_a_block_includes_its_first_and_last_row(one: int, other: int, row: int) -> None:
    first, last = sorted((one, other))
    assert Part(scenes=("A",), rows=(first, last)).contains(entry("A", row)) == (first <= row <= last)


def test_scenes_and_unknown_rows() -> None:
    assert not Part(scenes=("A",)).contains(entry("B", 0))
    assert Part().contains(entry("unknown", None))
    assert not Part(rows=(0, 5)).contains(entry("unknown", None))
    assert str(Part(scenes=("A",), rows=(50, 57))) == "scene A rows 50-57"


def test_rows_are_parsed_from_text() -> None:
    assert rows_from_text("50-57") == (50, 57)
    assert rows_from_text(" 7 ") == (7, 7)
    for wrong in ("57-50", "a-b", "", "-3", "1-2-3"):
        with pytest.raises(PatchesError, match="not a block of rows"):
            rows_from_text(wrong)
    with pytest.raises(ValidationError):
        Part(rows=(5, 2))
