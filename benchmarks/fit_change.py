"""Fit the packaged detector of change on made pairs, and score it on pairs that were not used.

    python benchmarks/fit_change.py L4S_RGB EUROSAT_RGB -o src/landslip/change/baseline.json

Pairs are made from patches of scene A: rows 0-43 to fit, on which the detector of one image was trained too, rows 45-49
to choose a threshold of the regression alone, rows 51-57 to score it. No real pair is read. A map also asks for no
landslide before; the threshold of the packaged card is the one that ``change_detectors.py`` finds best with that.
"""

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

import landslip
from landslip.change.baseline import FEATURES, ChangeCard, predict_new, stack_features
from landslip.change.evidence import VisibleChange, compute_visible_change
from landslip.change.normalisation import measure_radiometry
from landslip.channels import TRUE_COLOUR
from landslip.datasets.class_chips import chip_to_dn, keep_apart, open_chips, read_chip
from landslip.datasets.patch_set import Patch
from landslip.detector.detector import Detector
from landslip.inference.predict import ArrayPredictor
from landslip.synthetic.pair_set import FIELD_CLASSES
from landslip.synthetic.patch_pairs import MadePair, add_snow, change_season, make_pair, move_image, paste_field
from landslip.training.augmentation.light import change_light
from landslip.training.augmentation.random_source import RandomSource
from landslip.training.recipe.augmentation_section import AugmentationRecipe

SEED = 20180906
OLD_FRACTION = 0.3
LEAST_CHANGE = 0.1
"""Ten percent; fixed in advance, not fitted."""
KEPT_APART = 150
"""Chips of each class that are not used, those with the highest numbers, as in training."""
LIGHT = AugmentationRecipe.disabled().model_copy(
    update={
        "gain": 1.6,
        "channel_gain": 0.15,
        "channel_mixing": 0.05,
        "haze": 0.5,
        "haze_removal": 0.5,
        "gamma": 1.15,
        "illumination": 0.12,
        "noise": 0.02,
        "blur": 0.5,
        "band_shift_px": 0.3,
    }
)
WAVELENGTHS = torch.tensor([664.6, 559.8, 492.4])


class Pair(NamedTuple):
    """What the regression is given of one pair, and the truth."""

    probability: NDArray[np.float32]
    """Of landslide after, of the detector of one image."""
    change: VisibleChange
    new: NDArray[np.bool_]
    old: NDArray[np.bool_]


def read_chips(folder: Path, number: int, random: np.random.Generator) -> list[NDArray[np.float32]]:
    found = open_chips(folder)
    apart = keep_apart(found.entries, KEPT_APART)
    files = [one.image for one in found.entries if one.scene in FIELD_CLASSES and one.image not in apart]
    chosen = random.choice(len(files), number, replace=False)
    # Brightness is drawn over a wide range afterwards.
    return [chip_to_dn(read_chip(files[int(index)]), "absolute") for index in chosen]


def add_fields(pair: MadePair, chips: list[NDArray[np.float32]], random: np.random.Generator) -> MadePair:
    for _ in range(int(random.integers(0, 3))):
        first, second = (chips[int(index)] for index in random.integers(len(chips), size=2))
        height, width = (int(side) for side in random.integers(12, 56, size=2))
        row, col = (int(random.integers(0, 128 - side)) for side in (height, width))
        changed = random.random() < 0.6
        pair = paste_field(
            pair, first[:, :height, :width], (second if changed else first)[:, :height, :width], row, col
        )
    return pair


def light(values: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    generator = torch.Generator().manual_seed(int(random.integers(2**31)))
    source = RandomSource(generator, torch.device("cpu"))
    image = torch.from_numpy(values[None].copy())
    lit: NDArray[np.float32] = change_light(image, WAVELENGTHS, LIGHT, source)[0].numpy()
    return lit


def make_pairs(patches: list[Patch], chips: list[NDArray[np.float32]], detector: Detector, seed: int) -> Iterator[Pair]:
    predict = ArrayPredictor(detector)
    order = [detector.card.channels.index(name) for name in TRUE_COLOUR]
    back = np.argsort(order)
    random = np.random.default_rng(seed)
    for patch in patches:
        pair = make_pair(patch.select(TRUE_COLOUR), patch.mask == 1, OLD_FRACTION, random)
        pair = add_fields(pair, chips, random)
        before = change_season(pair.before, pair.old, random.uniform(0, 0.35), random)
        if random.random() < 0.3:
            before = add_snow(before, random.uniform(0.02, 0.25), random)
        # Clouds are no part of the pairs: they are nodata in a map by its masks.
        after, new, old = pair.after, pair.new, pair.old
        shift = random.normal(size=2).clip(-2, 2) * 0.4
        before, after = light(move_image(before, *shift), random), light(after, random)
        # A new scar must not be hidden by what one patch cannot tell: the radiometry is that of the patch.
        radiometry = measure_radiometry(before.reshape(3, -1).T.astype(float), after.reshape(3, -1).T.astype(float))
        valid = np.ones(new.shape, np.bool_)
        change = compute_visible_change(before, after, valid, radiometry)
        yield Pair(predict(np.ascontiguousarray(after[back])), change, new, old)


def f1(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[float, float, float]:
    hits = float((predicted & truth).sum())
    precision, recall = hits / max(predicted.sum(), 1), hits / max(truth.sum(), 1)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("patches", type=Path)
    parser.add_argument("chips", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--every", type=int, default=3, help="use every n-th patch")
    parser.add_argument("--detector", default="s2-rgb", help="of one image, whose probability it is fitted with")
    arguments = parser.parse_args()
    detector = Detector.open(arguments.detector)
    patches = landslip.open_patches(arguments.patches)
    random = np.random.default_rng(SEED)
    chips = read_chips(arguments.chips, 400, random)
    entries = [entry for entry in patches.entries if entry.scene == "A" and entry.row is not None]
    every = max(arguments.every // 2, 1)
    fitted = [patches.read(entry) for entry in entries if entry.row <= 43][:: arguments.every]
    choosing_on = [patches.read(entry) for entry in entries if 45 <= entry.row <= 49][::every]
    scoring_on = [patches.read(entry) for entry in entries if 51 <= entry.row <= 57][::every]
    rows, labels, weights = [], [], []
    for probability, change, new, _ in make_pairs(fitted, chips, detector, SEED):
        features = stack_features(probability, change).reshape(len(FEATURES), -1)
        truth = new.ravel()
        # Every pixel that may be a landslide, and one of twenty of the rest with twenty times the weight.
        likely = truth | (np.nan_to_num(probability).ravel() > 0.05)
        rest = ~likely & (random.random(truth.size) < 0.05)
        for taken, weight in ((likely, 1.0), (rest, 20.0)):
            rows.append(features[:, taken].T)
            labels.append(truth[taken])
            weights.append(np.full(int(taken.sum()), weight))
    x, y, w = np.concatenate(rows), np.concatenate(labels), np.concatenate(weights)
    print(f"{len(fitted)} pairs, {len(y):,} pixels, {y.mean():.1%} new landslide")
    model = LogisticRegression(C=1.0, max_iter=500).fit(x, y, sample_weight=w)
    card = ChangeCard(
        name="rgb-change-baseline",
        dates=2,
        channels=TRUE_COLOUR,
        features=FEATURES,
        coefficients=tuple(round(float(value), 4) for value in model.coef_[0]),
        intercept=round(float(model.intercept_[0]), 4),
        threshold=0.5,
        threshold_selection="pending",
        least_change=LEAST_CHANGE,
        detector=detector.card.name,
        trained_on=f"{len(fitted)} made pairs from Landslide4Sense patches of scene A, rows 0-43, with EuroSAT fields; "
        f"benchmarks/fit_change.py --every {arguments.every}, seed {SEED}",
        scores={},
        not_good_for=(
            "fields that become bare between the dates on steep ground, and landslides on ground that was bare before",
            "clouds and their shadow that no mask hides, as in scenes of red, green and blue alone",
            "evaluation: no real pair with labels was used, and the probability of the detector is that on patches it "
            "was trained on",
        ),
        version=landslip.__version__,
    )
    choosing = list(make_pairs(choosing_on, chips, detector, SEED + 1))
    scoring = list(make_pairs(scoring_on, chips, detector, SEED + 2))

    def pooled(masks: Iterable[NDArray[np.bool_]]) -> NDArray[np.bool_]:
        return np.concatenate([mask.ravel() for mask in masks])

    chosen = np.concatenate([predict_new(one.probability, one.change, card).ravel() for one in choosing])
    thresholds = np.arange(0.2, 0.85, 0.02)
    best = max(thresholds, key=lambda limit: f1(chosen >= limit, pooled(one.new for one in choosing))[2])
    final = np.concatenate([predict_new(one.probability, one.change, card).ravel() for one in scoring])
    single = np.nan_to_num(np.concatenate([one.probability.ravel() for one in scoring])) >= detector.card.threshold
    truth, old = pooled(one.new for one in scoring), pooled(one.old for one in scoring)
    scores: dict[str, float] = {}
    for name, found in (("single_image", single), ("regression_alone", final >= best)):
        precision, recall, score = f1(found, truth)
        scores |= {f"{name}_precision": precision, f"{name}_recall": recall, f"{name}_f1": score}
        scores[f"{name}_old_scars_taken_for_new"] = float((found & old).sum() / max(old.sum(), 1))
    card = card.model_copy(
        update={
            "threshold": round(float(best), 2),
            "threshold_selection": f"best F1 by pixel on {len(choosing)} made pairs of rows 45-49",
            "scores": {name: round(value, 4) for name, value in scores.items()},
        }
    )
    arguments.output.write_text(json.dumps(json.loads(card.model_dump_json()), indent=2) + "\n", encoding="utf-8")
    print(arguments.output.read_text())


if __name__ == "__main__":
    main()
