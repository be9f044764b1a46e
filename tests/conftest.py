"""What all tests share: where the real data lie, and settings for property tests."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import landslip.training  # noqa: F401 - declares what torchvision's import needs, before any test imports it

# Slow machines are no failure: the laws count, not the seconds.
settings.register_profile("laws", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", parent=settings.get_profile("laws"), max_examples=400)
settings.load_profile(os.environ.get("LANDSLIP_HYPOTHESIS", "laws"))

# No test leaves a file in the user's cache folder, nor depends on what lies there.
os.environ["LANDSLIP_CACHE"] = tempfile.mkdtemp(prefix="landslip-tests-")

# A plugin of the tests in a browser, which import from it too.
pytest.register_assert_rewrite("page_browser")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The project's real data, which lie beside the repository."""
    folder = Path(os.environ.get("LANDSLIP_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the real data are not at {folder.name}/ beside the repository (set LANDSLIP_SHARED_DATA)")
    return folder


@pytest.fixture(scope="session")
def examples() -> Path:
    """The small real examples that come with the repository."""
    return ROOT / "examples"
