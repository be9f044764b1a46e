"""One run at a time: a file held for this process, let go of by the system when the process ends, however it ends."""

import errno
from typing import IO


def hold(lock: IO[str]) -> bool:
    """Hold an open file; False where another process holds it.

    On Windows, and on network file systems that know no locks, two runs at once are the user's to avoid.
    """
    try:
        import fcntl  # noqa: PLC0415 - not on Windows
    except ModuleNotFoundError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
            raise
    return True
