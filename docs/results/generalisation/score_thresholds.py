"""What corrects the probabilities of a detector on ground that it was not trained on, without labels of it.

    python score_thresholds.py L4S_RGB DETECTOR...     # detectors trained on scene A rows 0-47 alone

F1, precision and recall at .5 and the best F1 in hindsight, counts pooled over all pixels of a region, for

- the detector as it is;
- prior shift: the fraction of landslide pixels is estimated from the probabilities by expectation maximisation, and
  the probabilities are corrected for it (Saerens et al. 2002, doi 10.1162/089976602753284446);
- AdaBN with interpolation weights of .3, .6 and 1 (``landslip detector adapt``);
- test-time augmentation: flips, and flips with quarter turns (``landslip detector ensemble --tta``);
- enlargement: the network sees the image at 1.25, 1.5 and 2 times its size.
"""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

import landslip
from landslip.datasets.patch_set import PatchSet
from landslip.detector.detector import seal
from landslip.detector.sealed_file import INPUT, OUTPUT
from landslip.evaluation.generalisation.regions import region_of_text
from landslip.evaluation.predict import predict
from landslip.inference.engine import InferenceOptions
from landslip.post_training.adaptation import adapt, images_of_patches
from landslip.post_training.ensemble import ensemble
from landslip.probability import LANDSLIDE, NODATA, STEP

REGIONS = ("A:51-57", "B", "C")
TRAINING_PRIOR = 0.06
"""Fraction of landslide pixels in the patches of scene A rows 0-43, three quarters of a batch."""
THRESHOLDS = np.arange(0.02, 0.99, 0.02)


def main() -> None:
    """Print a row for each detector, region and correction."""
    patches = landslip.open_patches(sys.argv[1])
    for name in sys.argv[2:]:
        detector = landslip.Detector.open(name)
        for region in REGIONS:
            selected = patches.where(region_of_text(region).contains)
            for correction, probability, truth in correct(detector, selected):
                counts = [score(probability >= threshold, truth) for threshold in (0.5, *THRESHOLDS)]
                f1, precision, recall = counts[0]
                best = 1 + int(np.argmax([one[0] for one in counts[1:]]))
                sys.stdout.write(
                    f"{detector.card.name:16} {region:8} {correction:13} F1 {f1:.3f} (P {precision:.2f}, "
                    f"R {recall:.2f}), best {counts[best][0]:.3f} at {THRESHOLDS[best - 1]:.2f}\n"
                )
                sys.stdout.flush()


def correct(
    detector: landslip.Detector, patches: PatchSet[Any]
) -> Iterator[tuple[str, NDArray[np.float64], NDArray[np.bool_]]]:
    """Yield the name of each correction, the probabilities of all labelled pixels, and where they are landslide."""
    probability, truth = probabilities(detector, patches)
    yield "none", probability, truth
    yield "prior shift", shift_prior(probability), truth
    images = images_of_patches(detector, patches)
    for weight in (0.3, 0.6, 1.0):
        yield f"AdaBN {weight}", *probabilities(adapt(detector, images, "region", weight=weight), patches)
    for tta in ("flips", "d4"):
        yield f"TTA {tta}", *probabilities(ensemble([detector], "tta", tta=tta), patches)
    for factor in (1.25, 1.5, 2.0):
        yield f"enlarged {factor}", *probabilities(enlarge(detector, factor), patches)


def enlarge(detector: landslip.Detector, factor: float) -> landslip.Detector:
    """Return a detector whose network sees the image enlarged (cubic), and its probability reduced (linear)."""
    model = onnx.load_from_string(detector.onnx_bytes)
    inside = {INPUT: "enlarged", OUTPUT: "probability_of_enlarged"}
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [inside.get(name, name) for name in names]
    for name, scale in (("up", factor), ("down", 1 / factor)):
        model.graph.initializer.append(numpy_helper.from_array(np.array([1, 1, scale, scale], np.float32), name))
    up = helper.make_node("Resize", [INPUT, "", "up"], [inside[INPUT]], mode="cubic")
    down = helper.make_node("Resize", [inside[OUTPUT], "", "down"], [OUTPUT], mode="linear")
    model.graph.node.insert(0, up)
    model.graph.node.append(down)
    del model.metadata_props[:], model.graph.value_info[:]
    return seal(model, detector.card)


def probabilities(detector: landslip.Detector, patches: PatchSet[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the probability of every labelled pixel, and where it is landslide."""
    found = predict(detector, patches, options=InferenceOptions(precision="float32"))
    known = (found.encoded != NODATA) & (found.masks != NODATA)
    return found.encoded[known] * float(STEP), found.masks[known] == LANDSLIDE


def shift_prior(probability: NDArray[np.float64], rounds: int = 100) -> NDArray[np.float64]:
    """Correct probabilities for a fraction of landslides that differs from that of training."""
    clipped = probability.clip(float(STEP) / 2, 1 - float(STEP) / 2)
    prior, corrected = TRAINING_PRIOR, clipped
    for _ in range(rounds):
        landslide = clipped * prior / TRAINING_PRIOR
        corrected = landslide / (landslide + (1 - clipped) * (1 - prior) / (1 - TRAINING_PRIOR))
        prior = float(corrected.mean())
    return corrected


def score(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return F1, precision and recall."""
    both, marked, landslides = (int(np.count_nonzero(one)) for one in (found & truth, found, truth))
    return 2 * both / max(marked + landslides, 1), both / max(marked, 1), both / max(landslides, 1)


if __name__ == "__main__":
    main()
