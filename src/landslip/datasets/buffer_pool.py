"""Arrays that are lent out and come back by themselves once nobody looks at them any more.

A fresh array of some megabytes costs more than filling it, since the system hands it over page by page. A lent array
is a view of memory that is kept; when it and every view of it are gone, the memory is lent again.
"""

import math
import weakref
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Lender:
    """Lends arrays of one shape; there are as many as are in use at one time."""

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        """Set up a lender.

        Args:
            shape: of an array that is lent whole.
            dtype: of all of them.
        """
        self._shape = shape
        self._dtype = np.dtype(dtype)
        self._kept: deque[NDArray[np.uint8]] = deque()

    def lend(self, rows: int) -> NDArray[Any]:
        """Lend an array of some rows, at most all; what it holds is left over from its last use."""
        try:
            memory = self._kept.pop()
        except IndexError:
            memory = np.empty(math.prod(self._shape) * self._dtype.itemsize, np.uint8)
        # A view of a view names the array that owns the memory, unless that is reached through a buffer, as here: so
        # every view, however it is cut, holds on to this array and not past it.
        lent = np.frombuffer(memory.data, self._dtype)
        back = weakref.finalize(lent, self._kept.append, memory)
        back.atexit = False
        return lent.reshape(self._shape)[:rows]
