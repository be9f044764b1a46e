"""Some patches of a batch: taken out, changed, put back."""

from collections.abc import Callable

from torch import Tensor

from landslip.training.target import Target

Change = Callable[[Tensor, Target], tuple[Tensor, Target]]


def rows_of(target: Target, rows: Tensor) -> Target:
    """The truth of some patches alone; rows (M,) are their positions."""
    return Target(target.landslide[rows], target.observed[rows])


def changed_at(rows: Tensor, values: Tensor, target: Target, change: Change) -> tuple[Tensor, Target]:
    """Change some patches of a batch; rows (M,) are their positions, and what is given stays as it is."""
    if not len(rows):
        return values, target
    seen, truth = change(values[rows], rows_of(target, rows))
    landslide = target.landslide.index_copy(0, rows, truth.landslide)
    return values.index_copy(0, rows, seen), Target(landslide, target.observed.index_copy(0, rows, truth.observed))
