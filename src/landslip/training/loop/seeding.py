"""Chance that depends on nothing but where in a run it is drawn: a resumed run draws what it would have drawn."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seed_of(*where: int) -> int:
    """A seed for a place in a run, such as (seed, epoch, step, rank): well apart even for neighbouring places."""
    return int(np.random.SeedSequence(where).generate_state(1, np.uint64)[0] >> np.uint64(1))


def generator_of(*where: int) -> torch.Generator:
    """A source of chance on the CPU for a place in a run."""
    return torch.Generator().manual_seed(seed_of(*where))


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Draw and compute the same way each time inside, and leave the process as it was.

    Where a GPU knows no way to compute an operation the same each time, it computes it all the same.
    """
    was_deterministic = torch.are_deterministic_algorithms_enabled()
    was_warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(mode=True, warn_only=torch.cuda.is_available())
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(was_deterministic, warn_only=was_warn_only)
