"""Small heads with infrared on the labelled patches of scene A, and what they mark on real scenes.

    python score_infrared.py RGB_DETECTOR L4S_H5 SCENES TRACK    # SCENES holds wayanad-2024/clear and others

A head is a logistic regression of each pixel on features of the pixel and their means over 5 x 5 pixels (in a graph: a
convolution), with or without the logit of the frozen RGB detector among them. Five folds, patches that touch in one;
the threshold is the best on the patches of training. On scenes the head of all patches is used. Brightness is relative
to the mean of the patch, or of the 129 x 129 pixels around.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import landslip
from landslip.detector.detector import Detector
from landslip.evaluation.generalisation.real_scenes import Mapped, score_track
from landslip.grid.map_grid import MapGrid
from landslip.inference.gap_filling import fill_gaps

FOLDS = ((1, 2, 3, 4, 42), (16, 27, 28, 72), (38, 40, 41, 150), (168, 253, 300, 512), (525, 800, 1002))
COLOURS = ("B04", "B03", "B02")
NEAR, SHORT = ("B08", "ndvi"), ("B11", "B12", "nbr")
HEADS = {
    "B02-B04, B08": (*COLOURS, *NEAR),
    "B02-B04, B08, B11, B12": (*COLOURS, *NEAR, *SHORT),
    "B02-B04, B08, B11, B12, slope": (*COLOURS, *NEAR, *SHORT, "slope"),
    "detector and B08": ("logit", *NEAR),
    "detector and B08, B11, B12": ("logit", *NEAR, *SHORT),
    "detector and B08, B11, B12, slope": ("logit", *NEAR, *SHORT, "slope"),
}
CONTEXT_PX, AROUND_PX, SAMPLED = 5, 129, 30_000
Layers = Mapping[str, NDArray[np.float32]]
Mask = NDArray[np.bool_]


def main() -> None:
    """Print the tables."""
    rgb, scenes = Detector.open(sys.argv[1]), Path(sys.argv[3])
    patches = landslip.open_patches(sys.argv[2])
    entries = [e for e in patches.entries if e.mask is not None and any(e.id in fold for fold in FOLDS)]
    ids = np.array([entry.id for entry in entries])
    features, labels, alone = [], [], np.zeros(3)
    for patch in map(patches.read, entries):
        made = make_features(rgb, dict(zip(patch.channels, patch.values, strict=True)), None)
        features.append(made)
        labels.append(patch.mask.ravel() == 1)
        alone += count(made["logit"][:, 0] >= 0, labels[-1])
    log(f"detector alone (these patches were in its training): {scores(alone)}")
    heads = {}
    for name, names in HEADS.items():
        tables = [np.concatenate([one[feature] for feature in names], axis=1) for one in features]
        counts = np.zeros(3)
        for fold in FOLDS:
            test = np.isin(ids, fold)
            model, threshold = fit(tables, labels, np.flatnonzero(~test))
            for place in np.flatnonzero(test):
                counts += count(model.predict_proba(tables[place])[:, 1] >= threshold, labels[place])
        log(f"{name}: {scores(counts)}")
        if "slope" not in names:
            heads[name] = (names, *fit(tables, labels, np.arange(len(tables))))
    for title, (layers, valid, scene) in read_scenes(scenes).items():
        made = make_features(rgb, {name: fill_gaps(one[None], valid)[0] for name, one in layers.items()}, AROUND_PX)
        found = {"detector alone": made["logit"][:, 0] >= 0}
        for name, (names, model, threshold) in heads.items():
            if all(feature in made for feature in names):
                table = np.concatenate([made[feature] for feature in names], axis=1)
                found[name] = model.predict_proba(table)[:, 1] >= threshold
        for name, marked in found.items():
            report(title, name, marked.reshape(valid.shape) & valid, valid, scene)


def report(title: str, name: str, marked: Mask, valid: Mask, scene: "landslip.Scene | None") -> None:
    """Print what a head marks on a scene: the track found and the rest, or the fraction of the pixels."""
    if scene is None:
        log(f"{title}: {name}: {100 * marked.sum() / valid.sum():.2f} % marked")
        return
    grid = MapGrid.of(scene.geobox, scene.window)
    row, col = grid.height // 2, grid.width // 2
    pixel_m2 = float(grid.areas_and_perimeters_m(np.array([shapely.box(col, row, col + 1, row + 1)], object))[0][0])
    scored = score_track(Mapped(marked, valid, grid, pixel_m2), Path(sys.argv[4]))
    log(f"{title}: {name}: {scored.found_fraction:.0%} of the track, {scored.elsewhere_ha:.0f} ha elsewhere")


def make_features(rgb: Detector, layers: Layers, around_px: int | None) -> dict[str, NDArray[np.float32]]:
    """Return each feature of every pixel with its mean over 5 x 5 pixels, (H * W, 2), by name."""
    colours = np.stack([layers[name] for name in rgb.card.channels])
    found = landslip.predict(colours, rgb, channels=rgb.card.channels, precision="float32")
    certain = np.nan_to_num(found, nan=1e-4).clip(1e-4, 1 - 1e-4)
    made = {"logit": np.log(certain / (1 - certain))}
    for name, layer in layers.items():
        if name in (*COLOURS, "B08", "B11", "B12"):
            mean = layer.mean()
            if around_px is not None:
                mean = uniform_filter(layer, around_px)
            made[name] = layer / np.maximum(mean, 1)
    infrared = layers["B08"]
    made["ndvi"] = (infrared - layers["B04"]) / np.maximum(infrared + layers["B04"], 1)
    if "B12" in layers:
        made["nbr"] = (infrared - layers["B12"]) / np.maximum(infrared + layers["B12"], 1)
    if "slope" in layers:
        made["slope"] = layers["slope"]
    both = {name: np.stack([one, uniform_filter(one, CONTEXT_PX)], axis=-1) for name, one in made.items()}
    return {name: one.reshape(-1, 2).astype(np.float32) for name, one in both.items()}


def read_scenes(scenes: Path) -> dict[str, tuple[Layers, Mask, "landslip.Scene | None"]]:
    """Read scenes by name: layers, validity, and the scene where it has a track."""
    six, four = (*COLOURS, "B08", "B11", "B12"), (*COLOURS, "B08")
    found: dict[str, tuple[Layers, Mask, landslip.Scene | None]] = {}
    for title, to_toa in (("Wayanad", False), ("Wayanad, --to-toa", True)):
        scene = landslip.open_scene(scenes / "wayanad-2024" / "clear", offset=-1000, to_toa=to_toa)
        values, valid = scene.read(six)
        found[title] = (dict(zip(six, values, strict=True)), valid, scene)
    with np.load(scenes / "spyndex-s2-10m" / "s2_10m_b02_b03_b04_b08.npz") as file:
        bands = np.asarray(file["img"], np.float32)
    found["spyndex"] = (dict(zip(four, bands[[2, 1, 0, 3]], strict=True)), np.ones(bands.shape[1:], np.bool_), None)
    for number, date in enumerate(np.load(scenes / "eolearn-l1c-13band" / "REFERENCE_SCENES.npy")):
        values = np.moveaxis(date[..., [3, 2, 1, 7, 11, 12]], -1, 0).astype(np.float32) * 10_000
        valid = np.isfinite(values).all(axis=0) & (values > 0).all(axis=0)
        found[f"eo-learn, date {number + 1}"] = (dict(zip(six, values, strict=True)), valid, None)
    file = scenes / "chittagong-s2-4band" / "s2_rgbn_uint16.tif"
    values, valid = landslip.open_scene(file, channels=list(four)).read(four)
    found["Chittagong"] = (dict(zip(four, values, strict=True)), valid, None)
    return found


def fit(tables: list[NDArray[np.float32]], labels: list[Mask], train: NDArray[np.intp]) -> tuple[Pipeline, float]:
    """Fit a head on some patches; returns it with its threshold."""
    inputs, truth = (np.concatenate([one[place] for place in train]) for one in (tables, labels))
    chosen = np.random.default_rng(1).choice(len(truth), SAMPLED, replace=False)
    inputs, truth = inputs[chosen], truth[chosen]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    model.fit(inputs, truth)
    fitted = model.predict_proba(inputs)[:, 1]
    steps = np.linspace(0.02, 0.98, 49)
    return model, float(steps[np.argmax([f1(count(fitted >= step, truth)) for step in steps])])


def count(found: Mask, truth: Mask) -> NDArray[np.float64]:
    """Count hits, false alarms and misses."""
    return np.array([(found & truth).sum(), (found & ~truth).sum(), (~found & truth).sum()], float)


def f1(counts: NDArray[np.float64]) -> float:
    """Return F1."""
    hit, false, missed = counts
    return float(2 * hit / max(2 * hit + false + missed, 1))


def scores(counts: NDArray[np.float64]) -> str:
    """Return F1, precision and recall as text."""
    hit, false, missed = counts
    return f"F1 {f1(counts):.3f} P {hit / max(hit + false, 1):.3f} R {hit / max(hit + missed, 1):.3f}"


def log(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
