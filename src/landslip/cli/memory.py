"""Memory of the process that maps a scene."""

import contextlib
import ctypes
import sys
from typing import Final

_M_ARENA_MAX: Final = -8
"""Number of the setting in glibc's malloc.h."""


def share_one_arena() -> None:
    """Let all threads allocate from one arena of glibc; without effect elsewhere.

    By default each thread keeps freed memory in an arena of its own: 100 MB for a map of a million pixels. The network
    allocates little while it runs, so that threads hardly wait for each other.

    Example:
        >>> share_one_arena()
    """
    if sys.platform != "linux":
        return
    # Another C library, such as musl, lacks the function.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
