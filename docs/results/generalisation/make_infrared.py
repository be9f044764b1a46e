"""Builds a detector of four channels: s2-rgb, and the head with near infrared of score_infrared.py, in one graph.

    python make_infrared.py L4S_H5 WAYANAD/clear TRACK OUT.onnx    # also maps the track of Wayanad with it

The threshold that was the best on the patches becomes 0.5 by a constant in the logit.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from score_infrared import COLOURS, CONTEXT_PX, HEADS, fit, log, make_features

import landslip
from landslip.detector.card import Card
from landslip.detector.detector import Detector, seal
from landslip.detector.sealed_file import INPUT
from landslip.evaluation.generalisation.real_scenes import map_whole, score_track
from landslip.inference.engine import InferenceOptions
from landslip.post_training.composition import Composition, operator_set

SCENE_D = 3645
HEAD = "detector and B08"
CHANNELS = (*COLOURS, "B08")


def main() -> None:
    """Write the detector, and print what it finds."""
    rgb = Detector.open("s2-rgb")
    patches = landslip.open_patches(sys.argv[1])
    read = [patches.read(e) for e in patches.entries if e.mask is not None and e.id != SCENE_D]
    made = [make_features(rgb, dict(zip(one.channels, one.values, strict=True)), None) for one in read]
    tables = [np.concatenate([one[name] for name in HEADS[HEAD]], axis=1) for one in made]
    model, threshold = fit(tables, [one.mask.ravel() == 1 for one in read], np.arange(len(read)))
    scaler, regression = model[0], model[1]
    weights = regression.coef_[0] / scaler.scale_
    bias = regression.intercept_[0] - (weights * scaler.mean_).sum() - np.log(threshold / (1 - threshold))
    log(f"weights {weights.round(3).tolist()}, constant {bias:.3f}, threshold {threshold:g}")
    detector = seal(join(rgb, weights, bias), describe(rgb.card, len(read)))
    detector.save(sys.argv[4])
    expected = regression.predict_proba(scaler.transform(tables[0]))[:, 1].reshape(128, 128)
    found = landslip.predict(read[0].select(CHANNELS), detector, channels=CHANNELS, precision="float32")
    same = (found >= 0.5) == (expected >= threshold)
    log(f"{same.mean():.4f} of the pixels of a patch are as in the regression")
    scene = landslip.open_scene(sys.argv[2], offset=-1000)
    log(str(score_track(map_whole(detector, scene, InferenceOptions(precision="float32")), Path(sys.argv[3]))))


def join(rgb: Detector, weights: NDArray[np.float64], bias: float) -> onnx.ModelProto:
    """Return the graph: features of the pixel, their means, a sum with weights, and a sigmoid."""
    given = onnx.load_model_from_string(rgb.onnx_bytes)
    graph = Composition()

    def channel(first: int, last: int) -> str:
        return graph.apply("Slice", INPUT, graph.integers(first), graph.integers(last), graph.integers(1))

    one = graph.number("one", 1)
    colours, red, infrared = channel(0, 3), channel(0, 1), channel(3, 4)
    probability = graph.insert(given.graph, "rgb", "run", colours)
    certain = graph.apply("Clip", probability, graph.number("low", 1e-4), graph.number("high", 1 - 1e-4))
    logit = graph.apply("Log", graph.apply("Div", certain, graph.apply("Sub", one, certain)))
    mean = graph.apply("ReduceMean", infrared, graph.integers(2, 3), keepdims=1)
    relative = graph.apply("Div", infrared, graph.apply("Max", mean, one))
    total = graph.apply("Max", graph.apply("Add", infrared, red), one)
    ndvi = graph.apply("Div", graph.apply("Sub", infrared, red), total)
    pixel = graph.apply("Concat", logit, relative, ndvi, axis=1)
    margin = CONTEXT_PX // 2
    context = graph.apply("AveragePool", pixel, kernel_shape=[CONTEXT_PX] * 2, pads=[margin] * 4, count_include_pad=0)
    # Features alternate: of the pixel, and its mean.
    kernel = np.concatenate([weights[0::2], weights[1::2]]).astype(np.float32).reshape(1, -1, 1, 1)
    both = graph.apply("Concat", pixel, context, axis=1)
    summed = graph.apply(
        "Conv", both, graph.tensor("head", kernel), graph.tensor("constant", np.array([bias], np.float32))
    )
    return graph.model(graph.apply("Sigmoid", summed), len(CHANNELS), operator_set(given), given.ir_version)


def describe(card: Card, patches: int) -> Card:
    """Return the card."""
    text = (
        f"{card.trained_on} Then a logistic regression on its logit, near infrared and NDVI of {patches} labelled "
        "Landslide4Sense patches of scene A, rows 0-24, which were in its own training."
    )
    changed = {
        "name": "s2-rgb-nir",
        "title": "Landslides in Sentinel-2 images with near infrared",
        "architecture": f"{card.architecture} and a logistic head",
        "channels": CHANNELS,
        "threshold": 0.5,
        "threshold_selection": "highest F1 on the patches that the head was fitted on",
        "temperature": 1.0,
        "confidence": None,
        "trained_on": text,
        "scores": (),
        "input_ranges": None,
        "ood": None,
        "not_good_for": (
            *card.not_good_for,
            f"Other regions: the weight of near infrared is from {patches} patches of one.",
        ),
        "recipe": {},
    }
    return Card.model_validate(card.model_dump() | changed)


if __name__ == "__main__":
    main()
