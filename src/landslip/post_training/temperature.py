"""Temperature scaling inside a graph: logits are divided by a fitted scalar (Guo et al. 2017, arXiv 1706.04599)."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from landslip.detector.sealed_file import OUTPUT
from landslip.post_training.composition import Composition

LOWEST, HIGHEST = 0.05, 20.0
"""Bounds of a fitted temperature."""
DECIMALS: Final = 4
"""A temperature is rounded, so that card and float32 graph hold the same number."""
_NAME: Final = "calibration.temperature"
_MARGIN: Final = 1e-6
"""Probabilities are clipped this far from 0 and 1 before their logit is taken."""

Sample = tuple[NDArray[np.float32], NDArray[np.bool_]]
"""Logits of labelled pixels, and whether each is landslide; both (N,)."""


def fit_temperature(samples: Sequence[Sample]) -> float:
    """Fit the temperature with the lowest cross-entropy, averaged over samples of pixels.

    Every sample has the same weight, however many pixels it has. The cross-entropy is convex in 1 / temperature, so
    Newton's method between two bounds finds the minimum.

    Example:
        >>> logits = np.array([-4, -4, -4, 4, 4, 4], np.float32)  # overconfident: one of three is wrong
        >>> landslide = np.array([0, 0, 1, 1, 1, 0], bool)
        >>> round(fit_temperature([(logits, landslide)]), 2)
        5.77
    """
    low, high = 1 / HIGHEST, 1 / LOWEST
    if _derivatives(samples, high)[0] <= 0:
        return LOWEST
    if _derivatives(samples, low)[0] >= 0:
        return HIGHEST
    sharpness = 1.0
    for _ in range(60):
        slope, curvature = _derivatives(samples, sharpness)
        low, high = (low, sharpness) if slope > 0 else (sharpness, high)
        step = slope / curvature if curvature > 0 else np.copysign(np.inf, slope)
        following = sharpness - step
        # Bisect where Newton's step leaves the bounds.
        following = following if low < following < high else (low + high) / 2
        if abs(following - sharpness) <= 1e-9 * sharpness:
            break
        sharpness = following
    return round(1 / sharpness, DECIMALS)


def _derivatives(samples: Sequence[Sample], sharpness: float) -> tuple[float, float]:
    """First and second derivative of the mean cross-entropy with respect to 1 / temperature."""
    slopes, curvatures = [], []
    for logits, landslide in samples:
        exact = logits.astype(np.float64)
        # The exponential may overflow to infinity, which gives the right limit.
        with np.errstate(over="ignore"):
            expected = 1 / (1 + np.exp(-exact * sharpness))
        slopes.append(((expected - landslide) * exact).mean())
        curvatures.append((expected * (1 - expected) * exact * exact).mean())
    return float(np.mean(slopes)), float(np.mean(curvatures))


def logits_of(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logits of probabilities, which are clipped to 1e-7 ... 1 - 1e-7."""
    inside = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.asarray(np.log(inside / (1 - inside)), np.float32)


def temperature_in(model: onnx.ModelProto) -> float | None:
    """Return the temperature that ``with_temperature`` stored in a graph; None where there is none."""
    for tensor in model.graph.initializer:
        if tensor.name == _NAME:
            return float(onnx.numpy_helper.to_array(tensor))
    return None


def with_temperature(model: onnx.ModelProto, temperature: float) -> onnx.ModelProto:
    """Return a model whose logits are divided by a temperature, which replaces an earlier one.

    If the graph ends in a sigmoid, the input of the sigmoid is divided. If it does not, as a mean of probabilities,
    its probability is converted to a logit first, clipped to 1e-6 ... 1 - 1e-6.
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
    index = list(graph.node).index(last)
    if last.op_type == "Sigmoid":
        logit = "calibration.logit"
        graph.node.insert(index, onnx.helper.make_node("Div", [last.input[0], _NAME], [logit], name=logit))
        last.input[0] = logit
        return calibrated
    _append_scaling(graph)
    return calibrated


def _append_scaling(graph: onnx.GraphProto) -> None:
    """Append: probability to logit, division by the temperature, sigmoid."""
    uncalibrated = "calibration.uncalibrated"
    for node in graph.node:
        node.input[:] = [uncalibrated if name == OUTPUT else name for name in node.input]
        node.output[:] = [uncalibrated if name == OUTPUT else name for name in node.output]
    composition = Composition()
    low, high, one = (
        composition.number(f"calibration.{name}", number)
        for name, number in (("low", _MARGIN), ("high", 1 - _MARGIN), ("one", 1))
    )
    inside = composition.apply("Clip", uncalibrated, low, high)
    odds = composition.apply("Div", inside, composition.apply("Sub", one, inside))
    composition.apply("Div", composition.apply("Log", odds), _NAME)
    for node in composition.nodes:
        renamed = [f"calibration.{name}" if name.startswith("joint.") else name for name in node.input]
        node.input[:] = renamed
        node.output[0] = node.name = f"calibration.{node.name}"
    graph.node.extend(composition.nodes)
    graph.node.append(onnx.helper.make_node("Sigmoid", [composition.nodes[-1].output[0]], [OUTPUT], name=OUTPUT))
    graph.initializer.extend(composition.tensors.values())
