"""Random numbers that depend only on their position in a run, so that a resumed run draws the same ones."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive_seed(*position: int) -> int:
    """Return a seed for a position in a run, such as (seed, epoch, step, rank); uncorrelated between neighbours."""
    return int(np.random.SeedSequence(position).generate_state(1, np.uint64)[0] >> np.uint64(1))


def make_generator(*position: int) -> torch.Generator:
    """Return a generator on the CPU for a position in a run."""
    return torch.Generator().manual_seed(derive_seed(*position))


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Seed torch and use deterministic algorithms inside the block; restores the state of the process afterwards.

    On a GPU, operations without a deterministic implementation run all the same.
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
