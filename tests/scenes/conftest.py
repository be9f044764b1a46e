"""Inputs that landslip once read wrongly, one of each kind, beside the repository."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_cases(shared_data: Path) -> Path:
    """The folder ``cases`` beside the real data."""
    folder = shared_data.parent / "cases"
    if not folder.is_dir():
        pytest.skip("the folder cases/ is not beside the real data")
    return folder
