"""Some patches of a batch: taken out, changed, put back."""

from collections.abc import Callable

from torch import Tensor

from landslip.training.data.target import Target

Change = Callable[[Tensor, Target], tuple[Tensor, Target]]


def rows_of(target: Target, rows: Tensor) -> Target:
    """The truth of some patches alone; rows (M,) are their positions."""
    return Target(target.landslide[rows], target.observed[rows])


def change_at(rows: Tensor, values: Tensor, target: Target, change: Change) -> None:
    """Change some patches of a batch in place; rows (M,) are their positions."""
    if not len(rows):
        return
    seen, truth = change(values[rows], rows_of(target, rows))
    values.index_copy_(0, rows, seen)
    target.landslide.index_copy_(0, rows, truth.landslide)
    target.observed.index_copy_(0, rows, truth.observed)
