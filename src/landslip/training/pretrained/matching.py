"""Matches the tensors of a foreign file with those of a network: by name, every one accounted for.

Whoever trained a network had it inside something else, so that its names begin with ``module.``, ``model.model.`` or
the like; that beginning is found as the one that fits most names. What the network never counts on to answer, the
batch norms' step counters, may be missing. What a training leaves beside the network, such as a loss's weight, is
told from what is foreign to it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from torch import Size, Tensor

from landslip.errors import WeightsError
from landslip.training.pretrained.reading import some

_HARMLESS: Final = re.compile(
    r"(^|\.)((\w+_)?(loss|criterion)(_\w+)?|wce|w?bce|ce|dice|focal|tversky|lovasz|jaccard|class_weights?|pos_weight"
    r"|(train|val|valid|test)_(f1|precision|recall|iou|acc|accuracy|metrics?))(\.|$)",
    re.IGNORECASE,
)
"""Names of what a training keeps beside its network: weights of losses, states of metrics."""
_COUNTER: Final = ".num_batches_tracked"


@dataclass(frozen=True, slots=True)
class TensorMatch:
    """How the tensors of a file stand to those of a network."""

    tensors: Mapping[str, Tensor]
    """By the network's own names."""
    prefix: str
    missing: tuple[str, ...]
    misshapen: tuple[str, ...]
    """Name, shape in the file, shape in the network."""
    foreign: tuple[str, ...]
    """In the file, with no place in the network and no known reason to be there."""
    harmless: tuple[str, ...]
    """In the file beside the network: left out."""
    counters: int
    """Step counters of batch norms that the file lacks."""

    @property
    def whole(self) -> bool:
        """Whether the file is this network, no more and no less."""
        return not (self.missing or self.misshapen or self.foreign)

    def said(self) -> str:
        """What does not fit, in words."""
        parts = (("missing", self.missing), ("of another shape", self.misshapen), ("left over", self.foreign))
        return "; ".join(f"{what} {some(names)}" for what, names in parts if names)


def match(given: Mapping[str, Tensor], wanted: Mapping[str, Size], *, leave_out: Iterable[str] = ()) -> TensorMatch:
    """TensorMatch tensors with a network's names and shapes.

    Args:
        given: tensors of the file.
        wanted: shapes of the network's tensors.
        leave_out: beginnings of names that the user says are no part of the network.

    Raises:
        WeightsError: the file holds the network more than once.
    """
    left_out = tuple(leave_out)
    prefix = find_prefix((name for name in given if not name.startswith(left_out)), wanted)
    inside = {name.removeprefix(prefix): name for name in given if name.startswith(prefix)}
    named = [name for name in wanted if name in inside]
    over = [name for name in given if name.removeprefix(prefix) not in wanted or not name.startswith(prefix)]
    absent = [name for name in wanted if name not in inside]
    counters = sum(name.endswith(_COUNTER) for name in absent)
    harmless = [name for name in over if name.startswith(left_out) or _HARMLESS.search(name)]
    return TensorMatch(
        tensors={name: given[inside[name]] for name in named if given[inside[name]].shape == wanted[name]},
        prefix=prefix,
        missing=tuple(name for name in absent if not name.endswith(_COUNTER)),
        misshapen=tuple(
            f"{inside[name]} {tuple(given[inside[name]].shape)} for {tuple(wanted[name])}"
            for name in named
            if given[inside[name]].shape != wanted[name]
        ),
        foreign=tuple(name for name in over if name not in harmless),
        harmless=tuple(harmless),
        counters=counters,
    )


def find_prefix(given: Iterable[str], wanted: Mapping[str, Size]) -> str:
    """The beginning of names behind which most of a network's names are found.

    Raises:
        WeightsError: the whole network is found behind more than one.
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
            f"the file holds the network twice, behind '{prefix}' and '{others[0][0]}': "
            "leave one out with  --leave-out BEGINNING"
        )
    return prefix
