"""Laws of matching foreign names: any beginning is found, and no tensor goes unaccounted for."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landslip.errors import WeightsError
from landslip.training.pretrained.matching import match_tensors

NETWORK = {
    "encoder.conv1.weight": torch.zeros(4, 3, 3, 3),
    "encoder.bn1.weight": torch.zeros(4),
    "encoder.bn1.num_batches_tracked": torch.tensor(0),
    "decoder.conv1.weight": torch.zeros(2, 4, 3, 3),
    "head.weight": torch.zeros(1, 2, 1, 1),
    "head.bias": torch.zeros(1),
}
SHAPES = {name: value.shape for name, value in NETWORK.items()}
PREFIXES = st.lists(st.sampled_from(["module", "model", "net", "encoder", "head", "_orig_mod"]), max_size=4).map(
    lambda parts: "".join(f"{part}." for part in parts)
)


@given(PREFIXES)
def test_any_prefix_is_found_and_nothing_is_left_over(prefix: str) -> None:
    found = match_tensors({prefix + name: value for name, value in NETWORK.items()}, SHAPES)
    assert found.complete
    assert found.prefix == prefix
    assert set(found.tensors) == set(NETWORK)
    assert not found.ignored


@given(PREFIXES, st.sampled_from([name for name in NETWORK if not name.endswith("tracked")]))
def test_missing_tensors_are_named(prefix: str, gone: str) -> None:
    found = match_tensors({prefix + name: value for name, value in NETWORK.items() if name != gone}, SHAPES)
    assert not found.complete
    assert found.missing == (gone,)
    assert gone in found.describe()


@given(PREFIXES, st.sampled_from(sorted(NETWORK)))
def test_tensors_of_another_shape_are_named(prefix: str, name: str) -> None:
    changed = NETWORK | {name: torch.zeros(9, 9)}
    found = match_tensors({prefix + one: value for one, value in changed.items()}, SHAPES)
    assert not found.complete
    assert len(found.misshapen) == 1
    assert name in found.describe()
    assert "(9, 9)" in found.describe()


@given(PREFIXES, st.sampled_from(["center.weight", "decoder.extra.weight", "place", "reference_net.weight", "conv"]))
def test_unexpected_tensors_are_named_and_refused(prefix: str, name: str) -> None:
    found = match_tensors({prefix + one: value for one, value in NETWORK.items()} | {name: torch.zeros(1)}, SHAPES)
    assert not found.complete
    assert found.unexpected == (name,)
    assert name in found.describe()


@pytest.mark.parametrize(
    "name",
    ["wce.weight", "model.wce.weight", "criterion.weight", "loss_fn.pos_weight", "bce_loss.weight", "val_f1.tp",
     "class_weights", "loss.0.weight"],
)  # fmt: skip
def test_training_state_is_ignored_and_named(name: str) -> None:
    found = match_tensors({f"model.{one}": value for one, value in NETWORK.items()} | {name: torch.ones(1)}, SHAPES)
    assert found.complete
    assert found.ignored == (name,)


def test_prefixes_to_leave_out_are_ignored_and_named() -> None:
    more = {f"model.{one}": value for one, value in NETWORK.items()} | {"aux.head.weight": torch.ones(1)}
    assert not match_tensors(more, SHAPES).complete
    found = match_tensors(more, SHAPES, leave_out=["aux."])
    assert found.complete
    assert found.ignored == ("aux.head.weight",)


def test_step_counters_may_be_missing_and_are_counted() -> None:
    found = match_tensors({name: value for name, value in NETWORK.items() if not name.endswith("tracked")}, SHAPES)
    assert found.complete
    assert found.counters == 1


def test_a_file_with_the_network_twice_is_refused() -> None:
    twice = {f"{prefix}.{name}": value for name, value in NETWORK.items() for prefix in ("student", "teacher")}
    with pytest.raises(WeightsError, match=r"student\..*teacher\..*leave_out"):
        match_tensors(twice, SHAPES)
    found = match_tensors(twice, SHAPES, leave_out=["teacher."])
    assert found.complete
    assert found.prefix == "student."
    assert len(found.ignored) == len(NETWORK)


def test_many_names_are_counted_not_listed() -> None:
    said = match_tensors({}, SHAPES).describe()
    assert "5 in all" in said
    assert said.count("weight") == 3
