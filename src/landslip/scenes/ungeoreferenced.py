"""Images without a CRS are mapped on purpose; the libraries' warnings about them are silenced here, and only there."""

import contextlib
import threading
import warnings
from collections.abc import Iterator
from typing import Final

from pyproj import CRS
from rasterio.errors import NotGeoreferencedWarning

# Python keeps one list of warning filters for all threads: one at a time may change it.
_LOCK: Final = threading.RLock()


@contextlib.contextmanager
def without_place(crs: CRS | None) -> Iterator[None]:
    """Say nothing about a missing CRS where it is known to be missing."""
    if crs is not None:
        yield
        return
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        yield
