"""Which of several processes this is: on several devices Lightning starts the same command once more for each."""

import sys

from landslip.training.torchvision_operators import declare_missing_operators

declare_missing_operators()
from lightning.pytorch.utilities import rank_zero_only  # noqa: E402 - needs the operators


def is_first() -> bool:
    """Whether this process writes files and speaks; always, where there is only one."""
    return getattr(rank_zero_only, "rank", 0) == 0


def leave_to_first() -> None:
    """End every process but the first, once all have learned together: what follows is done once."""
    if not is_first():
        sys.exit(0)
