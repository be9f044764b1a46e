"""What near and shortwave infrared, slope and elevation add to a detector of three colours, on real pixels.

    python score_channels.py DETECTOR L4S_H5    # a detector that was not trained on scene A, and l4s-h5

Leave one patch out over the labelled patches of scene A: a classifier of single pixels is fitted on the others, its
threshold is the best on them, and the counts of the patches left out are pooled. Features are the logit of the
detector's probability, which knows the surroundings of a pixel, and values of the pixel in further channels.
"""

import sys

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import landslip

SCENE_D = 3645
"""The one patch of another scene."""
SETS = (
    ("detector alone", ("logit",)),
    ("and NDVI", ("logit", "ndvi")),
    ("and slope", ("logit", "slope")),
    ("and NDVI, slope", ("logit", "ndvi", "slope")),
    ("and B11, B12, NBR", ("logit", "B11", "B12", "nbr")),
    ("and slope, elevation", ("logit", "slope", "height")),
    ("and all 11 further channels", ("logit", "ndvi", "nbr", "further", "slope", "height")),
    ("without the detector: B04, B03, B02", ("B04", "B03", "B02")),
    ("without the detector: 14 channels", ("B04", "B03", "B02", "ndvi", "nbr", "further", "slope", "height")),
)
FURTHER = ("B01", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B12")
SAMPLED = 40_000
"""Pixels that the trees are fitted on."""
Features = dict[str, NDArray[np.float64]]


def main() -> None:
    """Print a table."""
    patches = landslip.open_patches(sys.argv[2])
    detector = landslip.Detector.open(sys.argv[1])
    features, labels = [], []
    for entry in patches.entries:
        if entry.mask is None or entry.id == SCENE_D:
            continue
        patch = patches.read(entry)
        values = dict(zip(patch.channels, patch.values.astype(np.float64), strict=True))
        colours = np.stack([patch.values[patch.channels.index(name)] for name in detector.card.channels])
        features.append(
            make_features(
                values, landslip.predict(colours, detector, channels=detector.card.channels, precision="float32")
            )
        )
        labels.append(patch.mask.ravel() == 1)
    sys.stdout.write(f"{len(labels)} patches, {np.mean(np.concatenate(labels)):.1%} landslide\n")
    for text, names in SETS:
        row = [score(kind, names, features, labels) for kind in ("logistic", "trees")]
        cells = "   ".join(f"F1 {f1:.3f}  average precision {precision:.3f}" for f1, precision in row)
        sys.stdout.write(f"{text:36} {cells}\n")
        sys.stdout.flush()


def make_features(values: dict[str, NDArray[np.float64]], probability: NDArray[np.float32]) -> Features:
    """Return features of every pixel by name; ``further`` has several columns."""
    certain = probability.astype(np.float64).clip(1e-6, 1 - 1e-6)
    nir, red, swir = values["B08"], values["B04"], values["B12"]
    made = {
        "logit": np.log(certain / (1 - certain)),
        "ndvi": (nir - red) / (nir + red + 1),
        "nbr": (nir - swir) / (nir + swir + 1),
        "height": values["elevation"] - values["elevation"].mean(),
        "slope": values["slope"],
    }
    # Brightness relative to the patch, as the detector takes it.
    made |= {name: values[name] / values[name].mean() for name in ("B04", "B03", "B02", "B11", "B12")}
    flat = {name: value.reshape(-1, 1) for name, value in made.items()}
    return flat | {"further": np.stack([(values[name] / values[name].mean()).ravel() for name in FURTHER], axis=1)}


def score(
    kind: str, names: tuple[str, ...], features: list[Features], labels: list[NDArray[np.bool_]]
) -> tuple[float, float]:
    """Return pooled F1 and average precision over the patches left out in turn."""
    tables = [np.concatenate([one[name] for name in names], axis=1) for one in features]
    counts, scores = np.zeros(3), []
    rng = np.random.default_rng(1)
    for left_out, table in enumerate(tables):
        rest = [place for place in range(len(tables)) if place != left_out]
        inputs, truth = np.concatenate([tables[i] for i in rest]), np.concatenate([labels[i] for i in rest])
        chosen = rng.choice(len(truth), SAMPLED, replace=False)
        if kind == "logistic":
            model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        else:
            model = HistGradientBoostingClassifier(max_iter=60, learning_rate=0.1, random_state=1)
        model.fit(inputs[chosen], truth[chosen])
        threshold = best_threshold(model.predict_proba(inputs)[:, 1], truth)
        probability = model.predict_proba(table)[:, 1]
        counts += count(probability >= threshold, labels[left_out])
        scores.append(probability)
    hit, false, missed = counts
    return 2 * hit / (2 * hit + false + missed), average_precision_score(np.concatenate(labels), np.concatenate(scores))


def best_threshold(probability: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Return the threshold of the highest F1."""
    steps = np.linspace(0.02, 0.98, 49)
    counts = np.array([count(probability >= step, truth) for step in steps])
    return float(steps[np.argmax(2 * counts[:, 0] / (2 * counts[:, 0] + counts[:, 1] + counts[:, 2] + 1e-9))])


def count(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Count hits, false alarms and misses."""
    return int((found & truth).sum()), int((found & ~truth).sum()), int((~found & truth).sum())


if __name__ == "__main__":
    main()
