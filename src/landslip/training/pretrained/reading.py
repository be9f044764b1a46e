"""Reads the tensors of a checkpoint file; no code in it is run.

``.pth``, ``.pt``, ``.ckpt`` and ``.bin`` are torch archives, read with ``weights_only=True``, which admits tensors and
plain values only. ``.safetensors`` holds tensors only.
"""

import hashlib
import pickle
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from landslip.errors import WeightsError

STATE_DICTS: Final = ("state_dict", "model_state_dict", "model", "network", "net", "weights")
"""Keys of the tensors in a checkpoint, the most common first."""
_LISTED: Final = 3
# Errors of torch's reader for damaged files.
_DAMAGED: Final = (
    RuntimeError, ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError, struct.error, AssertionError
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """The tensors of a file by name, floats in float32."""

    name: str
    sha256: str
    tensors: Mapping[str, Tensor]
    not_read: tuple[str, ...] = ()
    """Other keys of the file, such as the state of an optimiser."""


def read_checkpoint(path: Path) -> CheckpointFile:
    """Read a state dict, alone or inside a checkpoint.

    Raises:
        WeightsError: the file cannot be read, holds more than tensors, or unusable tensors.
    """
    try:
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        loaded: Any = _read_safetensors(path) if path.suffix == ".safetensors" else _read_archive(path)
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be read ({error.strerror or error}): give a .pth, .pt, .ckpt or .safetensors file"
        ) from error
    found, not_read = _find_state_dict(loaded, path)
    tensors = {name: _check_tensor(name, value, path) for name, value in found.items()}
    return CheckpointFile(path.name, digest, tensors, not_read)


def list_some(names: list[str] | tuple[str, ...]) -> str:
    """List the first few of many names, and how many there are."""
    shown = ", ".join(names[:_LISTED])
    return f"{shown} ({len(names)} in all)" if len(names) > _LISTED else shown


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 # no dict
    except SafetensorError as error:
        raise WeightsError(f"{path} is not a safetensors file, or damaged ({error}): download it again") from error


def _read_archive(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            # torch warns of TorchScript archives before it refuses them.
            warnings.simplefilter("ignore")
            # Only tensors and plain values are read; a file with code ends in UnpicklingError.
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} is not a torch file, or holds code, which is not run: ask its author for the state dict only, "
            "torch.save(network.state_dict(), ...)"
        ) from error
    except _DAMAGED as error:
        raise WeightsError(
            f"{path} cannot be read as weights ({type(error).__name__}), it is damaged or a TorchScript program: "
            "download it again, or ask its author for the state dict"
        ) from error


def _find_state_dict(loaded: Any, path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return the tensors in a loaded file, and the other keys."""
    if not isinstance(loaded, Mapping):
        raise WeightsError(f"{path} holds a {type(loaded).__name__}, not a state dict: ask its author for one")
    here = {str(name): value for name, value in loaded.items() if isinstance(value, Tensor)}
    if here:
        return here, tuple(str(name) for name in loaded if str(name) not in here)
    inside = {
        str(name): value
        for name, value in loaded.items()
        if isinstance(value, Mapping) and any(isinstance(one, Tensor) for one in value.values())
    }
    chosen = next((name for name in (*STATE_DICTS, *inside) if name in inside), None)
    if chosen is None:
        raise WeightsError(
            f"{path} holds no named tensors, only {list_some([str(name) for name in loaded]) or 'nothing'}: ask its "
            "author for a state dict"
        )
    tensors, others = _find_state_dict(inside[chosen], path)
    not_read = (*(str(name) for name in loaded if str(name) != chosen), *(f"{chosen}.{name}" for name in others))
    return tensors, not_read


def _check_tensor(name: str, value: Tensor, path: Path) -> Tensor:
    """Check that a tensor is dense, real and finite; floats become float32."""
    tensor = value.detach()
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
        raise WeightsError(
            f"{path}: the tensor '{name}' is sparse, quantised or complex: ask its author for plain float32 weights"
        )
    if not tensor.is_floating_point():
        return tensor
    if not bool(torch.isfinite(tensor).all()):
        raise WeightsError(f"{path}: the tensor '{name}' is not finite: its training diverged, use other weights")
    return tensor.to(torch.float32)
