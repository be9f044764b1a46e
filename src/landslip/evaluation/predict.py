"""Prediction on labelled patches for evaluation, and saved predictions in its place."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import MARK, SPLITS, PatchSet, split_named
from landslip.datasets.splits import Part
from landslip.detector.detector import Detector
from landslip.errors import PatchesError, PredictionsError
from landslip.evaluation.predictions import PatchPosition, Predictions, check_threshold, load_predictions
from landslip.files.progress import Progress, no_progress, track
from landslip.inference.engine import DEFAULT_OPTIONS, InferenceOptions
from landslip.inference.patch_prediction import select_channels
from landslip.inference.predict import ArrayPredictor
from landslip.metrics.intervals import count_units
from landslip.probability import NODATA, encode_probability

SYNTHETIC_LABEL: Final = "synthetic"
Uncertainty = Literal["none", "tta"]
"""``tta``: also the standard deviation of the probability over four flips, at four times the cost."""


def select_patches(patches: PatchSet[Any], part: Part | None = None, split: str | None = None) -> PatchSet[Any]:
    """Select the patches to score: those of a part, and of one split of a published data set.

    Args:
        patches: labelled patches.
        part: scenes and rows; all where None.
        split: ``train``, ``validation`` or ``test``; needed where several splits have masks and ``part`` names neither
            scenes nor rows, since scores of different splits are not pooled.

    Raises:
        PatchesError: the split is unknown or holds no such patch, or it must be given.
    """
    part = part or Part()
    chosen = patches.where(part.contains)
    counts = {one: sum(entry.split == one for entry in chosen.entries) for one in SPLITS}
    present = ", ".join(f"{one} ({count_units(count, 'patch')})" for one, count in counts.items() if count)
    if split is not None:
        wanted = split_named(split)
        if not counts[wanted]:
            raise PatchesError(
                f"there is no patch of the split '{wanted}': these patches are of {present or 'no split'}",
                parameter="split",
            )
        return chosen.where(lambda entry: entry.split == wanted)
    if part == Part() and sum(count > 0 for count in counts.values()) > 1:
        with_masks = [one for one in SPLITS if _has_mask(chosen.where(lambda entry, one=one: entry.split == one))]  # type: ignore[misc] # one is bound now
        if len(with_masks) > 1:
            raise PatchesError(
                f"the data set has patches of the splits {present}, with masks in {', '.join(with_masks)}, and scores "
                "of several splits are not pooled: set split to one of them",
                parameter="split",
            )
    return chosen


def _has_mask(patches: PatchSet[Any]) -> bool:
    return any((patches.read(entry).mask != NODATA).any() for entry in drop_unlabelled(patches).entries)


def drop_unlabelled(patches: PatchSet[Any]) -> PatchSet[Any]:
    """Leave out the patches without a mask file; a mask may still be nodata everywhere, which is known when read."""
    if all(getattr(entry, "mask", ...) is not None for entry in patches.entries):
        return patches
    return patches.where(lambda entry: getattr(entry, "mask", ...) is not None)


def data_label(path: str | Path) -> str:
    """Return the name of a data set for results: its folder, and whether it is synthetic."""
    folder = Path(path).resolve()
    return f"{folder.name} ({SYNTHETIC_LABEL})" if (folder / MARK).is_file() else folder.name


def predict(
    detector: Detector,
    patches: PatchSet[Any],
    *,
    threshold: float | None = None,
    protocol: str = "",
    data: str = "",
    pixel_size_m: float | None = None,
    options: InferenceOptions = DEFAULT_OPTIONS,
    uncertainty: Uncertainty = "none",
    progress: Progress = no_progress,
) -> Predictions:
    """Map every patch as a scene of its own, with the engine, tiles and thresholding of a landslide map.

    Args:
        detector: the detector to evaluate.
        patches: labelled patches; pixels without a label are nodata in the result's masks.
        threshold: decision threshold between 0 and 1; the card's where None.
        protocol: recorded in the result, see ``Predictions``.
        data: name of the data set, recorded in the result.
        pixel_size_m: of the patches; that of the detector's training data where None.
        options: engine, precision and threads.
        uncertainty: ``tta`` to also compute ``Predictions.tta_std``.
        progress: called with ``("evaluating", patches done, patches)``.

    Raises:
        ChannelError: the patches lack a channel that the detector needs.
        PatchesError: there is no patch, a patch is damaged, or no pixel is labelled.
        SettingsError: the threshold is not between 0 and 1.

    Example:
        >>> from landslip.datasets.formats import open_patches
        >>> patches = open_patches("examples/l4s-rgb-kept-apart").where(lambda patch: patch.scene == "C")
        >>> predict(Detector.open("s2-rgb"), patches, data="scene C")
        Predictions('s2-rgb', 7 patches of 'scene C', threshold=0.5)
    """
    card = detector.card
    threshold = card.threshold if threshold is None else threshold
    check_threshold(threshold)
    if not len(patches):
        raise PatchesError("there is no patch to evaluate: select scenes and rows that the data set has")
    predictor = ArrayPredictor(detector, options, tta=uncertainty == "tta")
    encoded: list[NDArray[np.uint8]] = []
    stds: list[NDArray[np.uint8]] = []
    masks: list[NDArray[np.uint8]] = []
    for patch in track(patches, progress, "evaluating", len(patches)):
        probability = predictor(select_channels(detector, patch))
        if uncertainty == "tta":
            probability, std = probability
            stds.append(encode_probability(std))
        encoded.append(encode_probability(probability))
        masks.append(patch.mask)
    if not any((mask != NODATA).any() for mask in masks):
        raise PatchesError("no pixel of these patches is labelled: give patches with masks")
    seed = card.recipe.get("seed")
    return Predictions(
        detector=card.name,
        threshold=threshold,
        protocol=protocol,
        data=data,
        seeds=(seed,) if isinstance(seed, int) else (),
        entries=tuple(
            PatchPosition(entry.split, entry.id, entry.scene, entry.row, entry.col) for entry in patches.entries
        ),
        encoded=_stack(encoded),
        masks=_stack(masks),
        tta_std=_stack(stds) if stds else None,
        temperature=card.temperature,
        pixel_size_m=card.pixel_size_m if pixel_size_m is None else pixel_size_m,
        sha256=detector.sha256,
        recipe=card.recipe or None,
    )


def _stack(layers: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Stack layers (H, W), the smaller ones padded with nodata."""
    height, width = (max(layer.shape[axis] for layer in layers) for axis in (0, 1))
    stacked = np.full((len(layers), height, width), NODATA, np.uint8)
    for row, layer in zip(stacked, layers, strict=True):
        row[: layer.shape[0], : layer.shape[1]] = layer
    return stacked


def predict_or_load(
    source: str | Path,
    patches: PatchSet[Any],
    *,
    data: str,
    part: Part | None = None,
    split: str | None = None,
    threshold: float | None = None,
    options: InferenceOptions = DEFAULT_OPTIONS,
    uncertainty: Uncertainty = "none",
    progress: Progress = no_progress,
) -> Predictions:
    """Run a detector on patches, or load saved predictions for them.

    Args:
        source: name or path of a detector, or path of saved predictions (``.npz``).
        patches: the patches to evaluate on; of saved predictions, those of other patches are left out.
        data: name of the data set, recorded in the result.
        part: the part of the data set that ``patches`` are, recorded in the result.
        split: the split that ``patches`` are of, recorded in the result.
        threshold: decision threshold between 0 and 1; that of the detector or file where None.
        options: engine, precision and threads; not used for saved predictions.
        uncertainty: see ``predict``; saved predictions keep what was saved.
        progress: called with ``("evaluating", patches done, patches)``.

    Raises:
        PredictionsError: the file cannot be read, or holds none of the patches.
        DetectorError: there is no such detector.
        LandslipError: see ``predict``.
    """
    suffix = f", {split} split" if split else ""
    suffix += "" if part is None or part == Part() else f", {part}"
    if Path(source).suffix != ".npz":
        detector = Detector.open(str(source))
        return predict(
            detector,
            patches,
            threshold=threshold,
            protocol=f"the detector as it is, trained on {detector.card.trained_on}",
            data=data + suffix,
            options=options,
            uncertainty=uncertainty,
            progress=progress,
        )
    saved, _ = match_patches(load_predictions(source), patches)
    if not len(saved):
        raise PredictionsError(f"{source} holds none of these patches: give the patches that were predicted")
    saved = replace(saved, data=saved.data + suffix)
    return saved if threshold is None else saved.at(threshold)


def match_patches(predictions: Predictions, patches: PatchSet[Any]) -> tuple[Predictions, PatchSet[Any]]:
    """Return predictions and patches of those patches that are in both, in the order of the patch set."""
    index = {(entry.split, entry.id): position for position, entry in enumerate(predictions.entries)}
    both = patches.where(lambda entry: (entry.split, entry.id) in index)
    order = np.array([index[entry.split, entry.id] for entry in both.entries], np.intp)
    return predictions.take(order), both
