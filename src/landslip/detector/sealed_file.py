"""The sealed ONNX file of a detector: how it is written, hashed and checked.

The graph takes DN, degrees and metres and returns a probability. Two metadata entries make the file a detector:

- ``landslip.card``: the card as JSON (``card.py``). It holds the sha256 of graph and tensors, so a card cannot be
  attached to another network.
- ``landslip.seal``: sha256 over every byte of the file except the 64 digits of the seal itself, so a single flipped bit
  is detected.

A detector holds standard ONNX operators only, all tensors inside the file, and never a pickle: opening one runs no
foreign code.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Final

import onnx
from google.protobuf.message import DecodeError
from pydantic import ValidationError

from landslip.detector.card import Card
from landslip.errors import DetectorError

CARD_KEY: Final = "landslip.card"
SEAL_KEY: Final = "landslip.seal"
INPUT: Final = "input"
OUTPUT: Final = "probability"
_BLANK_SEAL: Final = b"0" * 64
# The metadata entry as protobuf writes it: key, then field 2 of 64 bytes. It is searched in the raw bytes, so that a
# damaged file is detected before any of it is parsed.
_SEAL: Final = re.compile(re.escape(SEAL_KEY.encode()) + rb"\x12\x40([0-9a-f]{64})")
_STANDARD_DOMAINS: Final = frozenset({"", "ai.onnx"})
_OTHER_FORMATS: Final = (
    (b"PK\x03\x04", "a zip archive, as PyTorch's .pth and .pt files are"),
    (b"\x80", "a Python pickle"),
    (b"\x89HDF", "an HDF5 file"),
    (b"II*\x00", "a TIFF"),
    (b"MM\x00*", "a TIFF"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
)


def seal_model(model: onnx.ModelProto, card: Card) -> bytes:
    """Write a model and a card as the bytes of a sealed file; the card's ``graph_sha256`` is filled in.

    The model is not changed.
    """
    sealed = onnx.ModelProto()
    sealed.CopyFrom(model)
    final_card = card.model_copy(update={"graph_sha256": graph_sha256(model)})
    del sealed.metadata_props[:]
    onnx.helper.set_model_props(sealed, {CARD_KEY: final_card.model_dump_json(), SEAL_KEY: _BLANK_SEAL.decode()})
    blank = sealed.SerializeToString(deterministic=True)
    start = blank.rindex(_BLANK_SEAL)
    digest = hashlib.sha256(blank).hexdigest().encode()
    return blank[:start] + digest + blank[start + len(digest) :]


def graph_sha256(model: onnx.ModelProto) -> str:
    """Return the sha256 over the graph, its tensors and its operator versions.

    It is that of a model with these two fields alone, as protobuf writes it, without a copy of the tensors.
    """
    digest = hashlib.sha256()
    fields = onnx.ModelProto.DESCRIPTOR.fields_by_name
    parts = [("graph", model.graph), *(("opset_import", version) for version in model.opset_import)]
    for name, part in parts:
        content = part.SerializeToString(deterministic=True)
        digest.update(_varint(fields[name].number << 3 | 2) + _varint(len(content)))
        digest.update(content)
    return digest.hexdigest()


def _varint(number: int) -> bytes:
    """Encode a number as protobuf does: seven bits a byte, the lowest first."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def check_file(raw: bytes, name: str) -> Card:
    """Check the bytes of a sealed file and return its card.

    Args:
        raw: the whole file.
        name: of the file, for error messages.

    Raises:
        DetectorError: the file is damaged, not a detector, or does not match its card.
    """
    sealed = _check_seal(raw, name)
    model = _parse(raw, name)
    _check_operators(model, name)
    if not sealed:
        raise DetectorError(
            f"{name} is an ONNX file without a landslip card: give a file made by landslip, or import it first"
        )
    card = _read_card(model, name)
    if card.graph_sha256 != graph_sha256(model):
        raise DetectorError(f"{name} has the card of another network ({card.name}): get it again from its source")
    _check_graph(raw, name)
    _check_interface(model, card, name)
    return card


def _check_seal(raw: bytes, name: str) -> bool:
    """Return whether the file is sealed; raise where the seal does not match."""
    found = list(_SEAL.finditer(raw))
    if not found:
        return False
    start, end = found[-1].span(1)
    view, digest = memoryview(raw), hashlib.sha256()
    for part in (view[:start], _BLANK_SEAL, view[end:]):
        digest.update(part)
    if digest.hexdigest().encode() != raw[start:end]:
        raise DetectorError(f"{name} was changed or damaged after it was made (its seal does not match): get it again")
    return True


def _parse(raw: bytes, name: str) -> onnx.ModelProto:
    for magic, what in _OTHER_FORMATS:
        if raw.startswith(magic):
            raise DetectorError(f"{name} is {what}, not a detector: a detector is an ONNX file made by landslip")
    try:
        model = onnx.load_model_from_string(raw)
    except DecodeError as error:
        raise DetectorError(
            f"{name} is not an ONNX file, or is damaged or truncated: get it again from its source"
        ) from error
    if not model.graph.node:
        raise DetectorError(f"{name} holds no ONNX graph: a detector is an ONNX file made by landslip")
    return model


def _check_operators(model: onnx.ModelProto, name: str) -> None:
    if model.functions:
        raise DetectorError(f"{name} defines its own operators: a detector holds standard ONNX operators only")
    for graph in _graphs(model.graph):
        for node in graph.node:
            if node.domain not in _STANDARD_DOMAINS:
                raise DetectorError(
                    f"{name} needs the custom operator {node.domain}:{node.op_type}: "
                    "a detector holds standard ONNX operators only"
                )
        constants = [attribute.t for node in graph.node for attribute in node.attribute if attribute.HasField("t")]
        for tensor in [*graph.initializer, *constants]:
            if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
                raise DetectorError(
                    f"{name} keeps its tensor '{tensor.name}' in another file: a detector holds all tensors itself"
                )


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield a graph and the graphs inside its nodes (branches, loops)."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [attribute.g] * attribute.HasField("g") + list(attribute.graphs):
                yield from _graphs(inner)


def _read_card(model: onnx.ModelProto, name: str) -> Card:
    properties = {entry.key: entry.value for entry in model.metadata_props}
    try:
        return Card.model_validate_json(properties.get(CARD_KEY, ""))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the card"
        raise DetectorError(
            f"the card of {name} does not fit this version of landslip ({where}: {first['msg']}): "
            "update landslip or the detector"
        ) from error


def _check_graph(raw: bytes, name: str) -> None:
    try:
        onnx.checker.check_model(raw)
    except (onnx.checker.ValidationError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise DetectorError(f"{name} holds an invalid ONNX graph ({reason}): get it again from its source") from error


def _check_interface(model: onnx.ModelProto, card: Card, name: str) -> None:
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    found = [_signature(value) for value in [*inputs, *model.graph.output]]
    wanted = [f"{INPUT} float32 (?, {len(card.channels)}, ?, ?)", f"{OUTPUT} float32 (?, 1, ?, ?)"]
    if found != wanted:
        raise DetectorError(
            f"{name} has the inputs and outputs {', '.join(found)}, but a detector for "
            f"{', '.join(card.channels)} has {', '.join(wanted)}"
        )


def _signature(value: onnx.ValueInfoProto) -> str:
    kind = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type).name
    sizes = (str(size.dim_value) if size.HasField("dim_value") else "?" for size in value.type.tensor_type.shape.dim)
    return f"{value.name} {kind} ({', '.join(sizes)})"
