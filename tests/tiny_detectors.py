"""Sealed detectors of a few kilobytes, built node by node, each with the property that a test is about."""

import hashlib
from collections.abc import Sequence
from datetime import date

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from landslip.detector.card import Card, Normalisation
from landslip.detector.detector import CARD_KEY, INPUT, OUTPUT, SEAL_KEY, Detector, seal

TRUE_COLOUR = ("B04", "B03", "B02")


def card(name: str, channels: Sequence[str], **changes: object) -> Card:
    """A card for a network of no use but to tests."""
    values: dict[str, object] = {
        "name": name,
        "title": f"A test network: {name}",
        "network": f"test/{name}",
        "channels": tuple(channels),
        "normalisation": Normalisation(kind="none", text="none"),
        "tile_px": 32,
        "overlap_px": 8,
        "size_multiple": 4,
        "threshold": 0.5,
        "threshold_chosen": "by hand",
        "temperature": 1.0,
        "trained_on": "nothing",
        "pixel_size_m": 10.0,
        "not_good_for": ("anything but tests",),
        "licence": "Apache-2.0",
        "attribution": ("none",),
        "recipe": {},
        "landslip_version": "0",
        "created": date(2026, 1, 1),
        "graph_sha256": "0" * 64,
    }
    return Card.model_validate(values | changes)


def model(
    nodes: Sequence[onnx.NodeProto], weights: dict[str, np.ndarray], channels: int, opset: int = 17
) -> onnx.ModelProto:
    """A model from ``input`` (N, C, H, W) to ``probability`` (N, 1, H, W)."""
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", channels, "H", "W"])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", 1, "H", "W"])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def identity_model() -> onnx.ModelProto:
    """Probability = DN / 10,000 of its one channel, between 0 and 1."""
    nodes = [
        helper.make_node("Div", [INPUT, "full"], ["share"]),
        helper.make_node("Clip", ["share", "low", "high"], [OUTPUT]),
    ]
    weights = {name: np.float32(value) for name, value in (("full", 10_000), ("low", 0), ("high", 1))}
    return model(nodes, {name: np.asarray(value) for name, value in weights.items()}, 1)


def identity(channel: str = "B04", **changes: object) -> Detector:
    """Gives its input back: what a map of it holds is known exactly."""
    return seal(identity_model(), card("identity", [channel], **changes))


def brightness_model() -> onnx.ModelProto:
    """How much brighter a pixel and its 8 neighbours are than the tile, in three channels.

    Neighbours count, and so does everything else in the tile, as in a real network: two tiles disagree about the
    pixels that they share.
    """
    box = np.full((1, 3, 3, 3), 1 / 27, np.float32)
    nodes = [
        helper.make_node("Conv", [INPUT, "box"], ["mean"], pads=[1, 1, 1, 1]),
        helper.make_node("ReduceMean", ["mean"], ["level"], axes=[2, 3], keepdims=1),
        helper.make_node("Sub", ["mean", "level"], ["over"]),
        helper.make_node("Div", ["over", "softness"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], [OUTPUT]),
    ]
    return model(nodes, {"box": box, "softness": np.asarray(np.float32(800))}, 3)


def brightness(channels: Sequence[str] = TRUE_COLOUR, **changes: object) -> Detector:
    """A detector whose answer for a pixel depends on its whole tile."""
    return seal(brightness_model(), card("brightness", channels, **changes))


def resealed(network: onnx.ModelProto, written: Card | str) -> bytes:
    """A file whose seal is right though its card may be anything: made by hand, around all checks."""
    forged = onnx.ModelProto()
    forged.CopyFrom(network)
    del forged.metadata_props[:]
    text = written if isinstance(written, str) else written.model_dump_json()
    blank = "0" * 64
    helper.set_model_props(forged, {CARD_KEY: text, SEAL_KEY: blank})
    raw = forged.SerializeToString(deterministic=True)
    start = raw.rindex(blank.encode())
    return raw[:start] + hashlib.sha256(raw).hexdigest().encode() + raw[start + 64 :]


def layered_model(opset: int = 18) -> onnx.ModelProto:
    """Two convolutions of single pixels, each normalised by what it was over training data, and a last one."""
    chance = np.random.default_rng(5)
    sizes = {"first": (4, 3, 1, 1), "second": (5, 4, 1, 1), "last": (1, 5, 1, 1)}
    weights = {name: chance.normal(size=size).astype(np.float32) for name, size in sizes.items()}
    nodes, value = [], INPUT
    for name, width, typical in (("first", 4, 3000.0), ("second", 5, 1.0)):
        layer = {
            "scale": chance.uniform(0.5, 2, width),
            "shift": chance.normal(size=width),
            "mean": typical * chance.normal(size=width),
            "variance": typical**2 * chance.uniform(0.5, 2, width),
        }
        weights |= {f"{name}.{what}": values.astype(np.float32) for what, values in layer.items()}
        nodes += [
            helper.make_node("Conv", [value, name], [f"{name}.seen"]),
            helper.make_node(
                "BatchNormalization", [f"{name}.seen", *(f"{name}.{what}" for what in layer)], [f"{name}.even"]
            ),
            helper.make_node("Relu", [f"{name}.even"], [f"{name}.given"]),
        ]
        value = f"{name}.given"
    nodes += [helper.make_node("Conv", [value, "last"], ["logit"]), helper.make_node("Sigmoid", ["logit"], [OUTPUT])]
    return model(nodes, weights, 3, opset)


def layered(channels: Sequence[str] = TRUE_COLOUR, opset: int = 18, **changes: object) -> Detector:
    """A detector with batch normalisation, whose answer for a pixel depends on that pixel alone."""
    return seal(layered_model(opset), card("layered", channels, **changes))
