"""Laws of reading what others made: the tensors that were saved come back; nothing in the file is run."""

import hashlib
import pickle
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from landslip.errors import WeightsError
from landslip.training.pretrained.reading import STATE_DICTS, read_checkpoint

TENSORS = {"conv.weight": torch.randn(4, 3, 3, 3), "bn.running_var": torch.rand(4), "bn.steps": torch.tensor(7)}


def saved(folder: Path, what: object, name: str = "weights.pth") -> Path:
    torch.save(what, folder / name)
    return folder / name


def assert_same(found: "dict[str, torch.Tensor]") -> None:
    assert set(found) == set(TENSORS)
    assert all(torch.equal(found[name], value) for name, value in TENSORS.items())


@pytest.mark.parametrize("inside", [None, *STATE_DICTS, "generator"])
def test_a_state_dict_is_found_alone_or_inside_a_checkpoint(tmp_path: Path, inside: str | None) -> None:
    whole = TENSORS if inside is None else {inside: TENSORS, "epoch": 7, "optimizer": {"state": {}, "lr": 0.1}}
    path = saved(tmp_path, whole)
    found = read_checkpoint(path)
    assert_same(dict(found.tensors))
    assert found.not_read == (() if inside is None else ("epoch", "optimizer"))
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_of_two_state_dicts_the_more_common_key_is_used(tmp_path: Path) -> None:
    path = saved(tmp_path, {"ema": {name: value * 2 for name, value in TENSORS.items()}, "state_dict": TENSORS})
    found = read_checkpoint(path)
    assert_same(dict(found.tensors))
    assert found.not_read == ("ema",)


def test_safetensors_are_read_too(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "weights.safetensors")
    assert_same(dict(read_checkpoint(tmp_path / "weights.safetensors").tensors))


def test_parameters_are_read_as_tensors_and_floats_as_float32(tmp_path: Path) -> None:
    kept = {"half": torch.rand(3).half(), "double": torch.rand(3).double(), "own": torch.nn.Parameter(torch.rand(3))}
    found = read_checkpoint(saved(tmp_path, kept)).tensors
    assert all(value.dtype == torch.float32 and not value.requires_grad for value in found.values())
    assert torch.equal(found["half"], kept["half"].float())


class Hostile:
    """Unpickling it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.write_text, (self.path, "run")


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_code_in_a_file_is_not_run(tmp_path: Path, how: str) -> None:
    traces, path = tmp_path / "traces", tmp_path / "hostile.pth"
    hostile = TENSORS | {"x": Hostile(traces)}
    if how == "torch":
        torch.save(hostile, path)
    else:
        path.write_bytes(pickle.dumps(hostile))
    with pytest.raises(WeightsError, match="or holds code"):
        read_checkpoint(path)
    assert not traces.exists()


def test_a_whole_network_is_refused_with_what_to_ask_for(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"state_dict\(\)"):
        read_checkpoint(saved(tmp_path, torch.nn.Linear(2, 2)))


def test_a_program_is_refused(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.rand(1, 2)), tmp_path / "program.pt")
    with pytest.raises(WeightsError, match="state dict"):
        read_checkpoint(tmp_path / "program.pt")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_damaged_file_is_an_error_wherever_it_is_cut(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(TENSORS, path)
    else:
        save_file(TENSORS, path)
    whole = path.read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError):
            read_checkpoint(path)


@pytest.mark.parametrize("raw", [b"", b"not weights at all", b"\x80\x02}q\x00.", b"PK\x03\x04", bytes(range(256))])
def test_other_bytes_are_an_error(tmp_path: Path, raw: bytes) -> None:
    for suffix in (".pth", ".safetensors"):
        path = tmp_path / f"odd{suffix}"
        path.write_bytes(raw)
        with pytest.raises(WeightsError):
            read_checkpoint(path)


@pytest.mark.parametrize("what", [{}, [1, 2], {"epoch": 3}, 7, {"state_dict": {"epoch": 3}}], ids=str)
def test_a_file_without_tensors_is_an_error(tmp_path: Path, what: object) -> None:
    with pytest.raises(WeightsError, match="state dict"):
        read_checkpoint(saved(tmp_path, what))


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (torch.tensor([1.0, float("nan")]), "not finite"),
        (torch.tensor([1.0, -float("inf")]), "not finite"),
        (torch.eye(3).to_sparse(), "sparse"),
        (torch.ones(2, dtype=torch.complex64), "complex"),
    ],
    ids=["nan", "inf", "sparse", "complex"],
)
def test_unusable_tensors_are_refused_by_name(tmp_path: Path, bad: "torch.Tensor", word: str) -> None:
    with pytest.raises(WeightsError, match=f"'broken'.*{word}"):
        read_checkpoint(saved(tmp_path, TENSORS | {"broken": bad}))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        read_checkpoint(tmp_path / "none.pth")
