"""Temperature scaling inside a graph: logits divided by a number found on data (Guo et al. 2017, arXiv 1706.04599)."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from landslip.detector.sealed_file import OUTPUT
from landslip.post_training.composition import Composition

LOWEST, HIGHEST = 0.05, 20.0
"""Temperatures that are believed."""
DECIMALS: Final = 4
"""Of a temperature: what data tell, and the same number in a card and in a graph of float32."""
_NAME: Final = "calibration.temperature"
_SUREST: Final = 1e-6
"""How near to 0 or 1 a probability may be whose logit is asked for."""

Sample = tuple[NDArray[np.float32], NDArray[np.bool_]]
"""Logits of pixels whose truth is known, and whether each is landslide; both (N,)."""


def fit_temperature(samples: Sequence[Sample]) -> float:
    """The temperature by which logits must be divided for the lowest cross-entropy, mean over sets of pixels.

    Every set weighs the same, however many pixels it has. The cross-entropy is convex in 1 / temperature, so there is
    one answer: Newton's method, kept between two bounds.
    """
    low, high = 1 / HIGHEST, 1 / LOWEST
    if _slopes(samples, high)[0] <= 0:
        return LOWEST
    if _slopes(samples, low)[0] >= 0:
        return HIGHEST
    sharpness = 1.0
    for _ in range(60):
        slope, curvature = _slopes(samples, sharpness)
        low, high = (low, sharpness) if slope > 0 else (sharpness, high)
        step = slope / curvature if curvature > 0 else np.copysign(np.inf, slope)
        wanted = sharpness - step
        # Where Newton's step leaves the bounds, half of what is left of them.
        wanted = wanted if low < wanted < high else (low + high) / 2
        if abs(wanted - sharpness) <= 1e-9 * sharpness:
            break
        sharpness = wanted
    return round(1 / sharpness, DECIMALS)


def _slopes(samples: Sequence[Sample], sharpness: float) -> tuple[float, float]:
    """First and second derivative of the mean cross-entropy by 1 / temperature."""
    slopes, curvatures = [], []
    for logits, landslide in samples:
        exact = logits.astype(np.float64)
        # exp of a large number is infinite, and 1 over it 0: what is meant.
        with np.errstate(over="ignore"):
            expected = 1 / (1 + np.exp(-exact * sharpness))
        slopes.append(((expected - landslide) * exact).mean())
        curvatures.append((expected * (1 - expected) * exact * exact).mean())
    return float(np.mean(slopes)), float(np.mean(curvatures))


def logits_of(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logits of probabilities; those nearer to 0 or 1 than float32 tells apart are taken a little away from it."""
    inside = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.asarray(np.log(inside / (1 - inside)), np.float32)


def temperature_in(model: onnx.ModelProto) -> float | None:
    """The temperature that ``with_temperature`` put into a graph; None where there is none."""
    for tensor in model.graph.initializer:
        if tensor.name == _NAME:
            return float(onnx.numpy_helper.to_array(tensor))
    return None


def with_temperature(model: onnx.ModelProto, temperature: float) -> onnx.ModelProto:
    """A model whose logits are divided by a temperature, in place of one put in before; not of those of its members.

    Where the graph ends in a sigmoid, what it takes is divided. Where it does not, as a mean of probabilities, its
    probability is turned into a logit first, at least a millionth away from 0 and 1.
    """
    calibrated = onnx.ModelProto()
    calibrated.CopyFrom(model)
    graph = calibrated.graph
    value = onnx.numpy_helper.from_array(np.array(temperature, np.float32), _NAME)
    for tensor in graph.initializer:
        if tensor.name == _NAME:
            tensor.CopyFrom(value)
            return calibrated
    graph.initializer.append(value)
    last = next(node for node in graph.node if OUTPUT in node.output)
    at = list(graph.node).index(last)
    if last.op_type == "Sigmoid":
        logit = "calibration.logit"
        graph.node.insert(at, onnx.helper.make_node("Div", [last.input[0], _NAME], [logit], name=logit))
        last.input[0] = logit
        return calibrated
    _append_calibration(graph)
    return calibrated


def _append_calibration(graph: onnx.GraphProto) -> None:
    """From the probability that a graph ends with to its logit, and from that to the calibrated probability."""
    uncalibrated = "calibration.uncalibrated"
    for node in graph.node:
        node.input[:] = [uncalibrated if name == OUTPUT else name for name in node.input]
        node.output[:] = [uncalibrated if name == OUTPUT else name for name in node.output]
    made = Composition()
    low, high, one = (
        made.number(f"calibration.{name}", number)
        for name, number in (("low", _SUREST), ("high", 1 - _SUREST), ("one", 1))
    )
    inside = made.apply("Clip", uncalibrated, low, high)
    odds = made.apply("Div", inside, made.apply("Sub", one, inside))
    made.apply("Div", made.apply("Log", odds), _NAME)
    for node in made.nodes:
        renamed = [f"calibration.{name}" if name.startswith("joint.") else name for name in node.input]
        node.input[:] = renamed
        node.output[0] = node.name = f"calibration.{node.name}"
    graph.node.extend(made.nodes)
    graph.node.append(onnx.helper.make_node("Sigmoid", [made.nodes[-1].output[0]], [OUTPUT], name=OUTPUT))
    graph.initializer.extend(made.tensors.values())
