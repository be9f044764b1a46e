"""Silences warnings about a missing CRS, for files that are known to have none."""

import contextlib
import threading
import warnings
from collections.abc import Iterator
from typing import Final

from pyproj import CRS
from rasterio.errors import NotGeoreferencedWarning

# Python has one list of warning filters for all threads: one thread at a time may change it.
_LOCK: Final = threading.RLock()


@contextlib.contextmanager
def ignore_missing_crs(crs: CRS | None) -> Iterator[None]:
    """Silence warnings about a missing CRS where ``crs`` is None; otherwise change nothing."""
    if crs is not None:
        yield
        return
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        yield
