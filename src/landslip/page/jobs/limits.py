"""What a process may use at most. It binds itself before it looks at anything of a visitor."""

import os
from typing import Annotated, Final

from pydantic import Field

from landslip.files.model import Frozen

_NICE: Final = 5
_OPEN_FILES: Final = 512


class Limits(Frozen):
    """Bounds of one worker process."""

    memory_mb: Annotated[int, Field(ge=1)]
    """Address space (RLIMIT_AS), which is more than what is used of it."""
    file_mb: Annotated[int, Field(ge=1)]
    """Longest file that it may write (RLIMIT_FSIZE)."""
    time_s: Annotated[int, Field(ge=1)]
    """Longest task, by the clock; whoever started the process kills it then."""


def bind(limits: Limits) -> None:
    """Bind this process for good: memory, length of files, open files, no core dump; and let the server go first.

    On systems without such limits, Windows among them, nothing is bound.
    """
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ModuleNotFoundError:
        return
    os.nice(_NICE)
    wanted = {
        resource.RLIMIT_AS: limits.memory_mb * 10**6,
        resource.RLIMIT_FSIZE: limits.file_mb * 10**6,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for kind, bound in wanted.items():
        _, hard = resource.getrlimit(kind)
        within = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(kind, (within, within))
