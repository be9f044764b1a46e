"""Matches the tensors of a checkpoint with those of a network by name; every tensor must be accounted for.

A prefix such as ``module.`` or ``model.model.`` is found as the one with which most names match. Step counters of batch
norm, which prediction does not use, may be missing. Tensors that training frameworks store beside a network, such as
weights of a loss, are ignored.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from torch import Size, Tensor

from landslip.errors import WeightsError
from landslip.training.pretrained.reading import list_some

_TRAINING_STATE: Final = re.compile(
    r"(^|\.)((\w+_)?(loss|criterion)(_\w+)?|wce|w?bce|ce|dice|focal|tversky|lovasz|jaccard|class_weights?|pos_weight"
    r"|(train|val|valid|test)_(f1|precision|recall|iou|acc|accuracy|metrics?))(\.|$)",
    re.IGNORECASE,
)
"""Names of training state beside a network: weights of losses, states of metrics."""
_COUNTER: Final = ".num_batches_tracked"


@dataclass(frozen=True, slots=True)
class TensorMatch:
    """How the tensors of a file match those of a network."""

    tensors: Mapping[str, Tensor]
    """By the names of the network."""
    prefix: str
    missing: tuple[str, ...]
    misshapen: tuple[str, ...]
    """Name, shape in the file, shape in the network."""
    unexpected: tuple[str, ...]
    """In the file, but not in the network."""
    ignored: tuple[str, ...]
    """In the file beside the network: training state, and prefixes that were to be left out."""
    counters: int
    """Number of step counters of batch norm that the file lacks."""

    @property
    def complete(self) -> bool:
        """Whether every tensor of the network is in the file, and no other."""
        return not (self.missing or self.misshapen or self.unexpected)

    def describe(self) -> str:
        """Describe what does not match."""
        parts = (("missing", self.missing), ("other shape", self.misshapen), ("unexpected", self.unexpected))
        return "; ".join(f"{what}: {list_some(names)}" for what, names in parts if names)


def match_tensors(
    given: Mapping[str, Tensor], wanted: Mapping[str, Size], *, leave_out: Iterable[str] = ()
) -> TensorMatch:
    """TensorMatch tensors with a network's names and shapes.

    Args:
        given: tensors of the file.
        wanted: shapes of the network's tensors.
        leave_out: prefixes of names that are not part of the network.

    Raises:
        WeightsError: the file contains the network more than once.
    """
    left_out = tuple(leave_out)
    prefix = find_prefix((name for name in given if not name.startswith(left_out)), wanted)
    inside = {name.removeprefix(prefix): name for name in given if name.startswith(prefix)}
    named = [name for name in wanted if name in inside]
    over = [name for name in given if name.removeprefix(prefix) not in wanted or not name.startswith(prefix)]
    absent = [name for name in wanted if name not in inside]
    counters = sum(name.endswith(_COUNTER) for name in absent)
    ignored = [name for name in over if name.startswith(left_out) or _TRAINING_STATE.search(name)]
    return TensorMatch(
        tensors={name: given[inside[name]] for name in named if given[inside[name]].shape == wanted[name]},
        prefix=prefix,
        missing=tuple(name for name in absent if not name.endswith(_COUNTER)),
        misshapen=tuple(
            f"{inside[name]} {tuple(given[inside[name]].shape)} for {tuple(wanted[name])}"
            for name in named
            if given[inside[name]].shape != wanted[name]
        ),
        unexpected=tuple(name for name in over if name not in ignored),
        ignored=tuple(ignored),
        counters=counters,
    )


def find_prefix(given: Iterable[str], wanted: Mapping[str, Size]) -> str:
    """Find the prefix with which most names of a network match.

    Raises:
        WeightsError: the network is found with more than one prefix.
    """
    counts: Counter[str] = Counter()
    for name in given:
        parts = name.split(".")
        for start in range(len(parts)):
            if ".".join(parts[start:]) in wanted:
                counts["".join(f"{part}." for part in parts[:start])] += 1
    if not counts:
        return ""
    (prefix, most), *others = counts.most_common(2)
    if others and others[0][1] == most > len(wanted) // 2:
        raise WeightsError(
            f"the file contains the network twice, with the prefixes '{prefix}' and '{others[0][0]}': give one of "
            "them in leave_out",
            parameter="leave_out",
        )
    return prefix
