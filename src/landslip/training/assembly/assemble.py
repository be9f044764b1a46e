"""Assembly of a detector from a trained network: export, test-time augmentation, calibration, scores, card.

Everything after the export is measured on the exported graph with the engine that maps use.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import landslip
from landslip.datasets.patch_set import PatchSet, PatchStack
from landslip.datasets.splits import Part, patch_key
from landslip.detector.card import Card, Normalisation, Score
from landslip.detector.detector import Detector, seal
from landslip.errors import LandslipWarning, RunError
from landslip.evaluation.evaluate import evaluate
from landslip.files.atomic import write_bytes
from landslip.files.progress import Progress, no_progress
from landslip.inference.tta import TRANSFORMS
from landslip.metrics.thresholds import ProbabilityHistogram
from landslip.post_training.calibration import CalibrationData, card_score, find_calibration
from landslip.post_training.ensemble import check_ensemble, join_graphs, members_of
from landslip.training.assembly.description import (
    UNSTATED_LICENCE,
    DataFacts,
    PartFacts,
    describe_attribution,
    describe_limits,
    describe_title,
    describe_training,
)
from landslip.training.assembly.export import check_parity, check_storage, export_graph, store_half
from landslip.training.assembly.threshold_evidence import perturbations_for
from landslip.training.data.feeding import LoadedPart
from landslip.training.data.parts import Parts, part_patches
from landslip.training.loop.trainer import FitResult
from landslip.training.networks.build import SIZE_MULTIPLE
from landslip.training.networks.indices import describe_indices
from landslip.training.networks.normalise import TEXTS
from landslip.training.recipe.recipe import Recipe


def assemble(
    recipe: Recipe,
    fitted: FitResult,
    parts: Parts,
    train: LoadedPart,
    validation: PatchStack,
    *,
    data: DataFacts,
    facts: Sequence[PartFacts],
    failed: Path,
    unseen: Mapping[str, Sequence[ProbabilityHistogram]],
    notes: Iterable[str] = (),
    progress: Progress = no_progress,
) -> Detector:
    """Assemble a detector from a trained network.

    Args:
        recipe: of the run.
        fitted: the trained network.
        parts: of the data set, for calibration and scores.
        train: statistics of the training part.
        validation: patches on which export and storage are checked.
        data: facts of the data set, for the card.
        facts: of the train and validation parts, in this order.
        failed: receives the bare ONNX graph if it differs from the network; it is not a detector.
        unseen: histograms of unseen scenes, for the threshold.
        notes: sentences on the training data for the card.
        progress: told of patches.

    Raises:
        PatchesError: a calibration part lacks landslide or background pixels.
        RunError: the exported graph differs from the network.
    """
    tta = recipe.detector.tta
    notes = list(notes)
    # What an engine needs to run the graphs on the way; the card itself is built once, below.
    draft = _card(recipe, fitted, data, facts)
    graph = export_graph(fitted.network, 1.0, len(recipe.channels))
    detector = seal(graph, draft)
    try:
        parity = check_parity(fitted.network, detector, validation.values)
    except RunError as error:
        write_bytes(failed, graph.SerializeToString())
        raise RunError(f"{error}; the graph is kept in {failed}, the weights beside it") from error
    if recipe.detector.half_precision_storage:
        half = seal(store_half(graph), draft)
        try:
            check_storage(detector, half, validation.values, validation.masks, parity.rounding)
            detector = half
        except RunError as error:
            # A smaller file is not worth the run.
            warnings.warn(LandslipWarning(f"stored in float32: {error}"), stacklevel=2)
            notes.append("Stored in float32, because half precision changes the result.")
    members: dict[str, Any] = {}
    if tta != "none":
        members = {"members": members_of([detector]), "tta": tta, "forward_passes": len(TRANSFORMS[tta])}
        single, detector = detector, seal(join_graphs([detector], tta), draft)
        check_ensemble(detector, [single], tta, allowed=parity.allowed)
    calibration_parts = recipe.calibration.parts or (recipe.validation,)
    calibration = CalibrationData(
        {str(part): part_patches(part, recipe, parts) for part in calibration_parts},
        perturbations_for(recipe.channels) if recipe.calibration.photometric_robustness else {},
        unseen,
        recipe.detector.threshold,
    )
    found = find_calibration(detector, calibration, progress=progress)
    scores, tested = _scores(seal(found.model, draft), found.threshold, recipe, parts, data, progress)
    card = _card(
        recipe,
        fitted,
        data,
        [*facts, *tested],
        notes,
        **members,
        temperature=found.temperature,
        threshold=found.threshold,
        threshold_selection=found.selection,
        confidence=found.confidence,
        mapped_probability=found.mapped_probability,
        input_ranges=train.input_ranges(),
        ood=train.ood,
        scores=scores,
    )
    return seal(found.model, card)


def _scores(
    detector: Detector, threshold: float, recipe: Recipe, parts: Parts, data: DataFacts, progress: Progress
) -> tuple[tuple[Score, ...], list[PartFacts]]:
    """Score a calibrated detector on every validation, calibration and test part; also return facts of test parts."""
    division = parts.division
    by = "" if division is None else f" of the protocol {division.protocol} ({division.how})"
    scores, tested = [], []
    for part in dict.fromkeys((recipe.validation, *recipe.calibration.parts, *recipe.test)):
        evaluation = evaluate(detector, part_patches(part, recipe, parts), threshold=threshold, progress=progress)
        protocol = f"trained on {recipe.train}{by}; {_role(part, recipe, parts)}"
        scores.append(card_score(evaluation, data=f"{data.label}, {part}", protocol=protocol, seeds=(recipe.seed,)))
        if part in recipe.test:
            counts = np.asarray(evaluation.counts, np.float64)
            fraction = (counts[:, 0] + counts[:, 2]) / np.maximum(counts.sum(axis=1), 1)
            scenes = [entry.scene for entry in evaluation.entries]
            tested.append(PartFacts.of("test", str(part), scenes, fraction.tolist()))
    return tuple(scores), tested


def _role(part: Part, recipe: Recipe, parts: Parts) -> str:
    """How the patches of a part were used; "not used" only if nothing was selected on any of them."""
    keys = _keys(part_patches(part, recipe, parts))
    for_epoch = keys & _keys(parts.validation)
    calibration_parts = recipe.calibration.parts or (recipe.validation,)
    for_threshold = {key for one in calibration_parts for key in keys & _keys(part_patches(one, recipe, parts))}
    chosen = ["epoch"] * bool(for_epoch) + ["threshold and temperature"] * bool(for_threshold)
    if not chosen:
        return "not used in training or selection"
    some = for_epoch | for_threshold
    where = "it" if some == keys else f"{len(some)} of its patches"
    return f"{', '.join(chosen)} {'were' if for_threshold else 'was'} selected on {where}"


def _keys(patches: PatchSet[Any]) -> set[str]:
    return {patch_key(entry) for entry in patches.entries}


def _card(
    recipe: Recipe,
    fitted: FitResult,
    data: DataFacts,
    facts: Sequence[PartFacts],
    notes: Iterable[str] = (),
    **found: Any,
) -> Card:
    """Build the card; without calibration and scores it describes an uncalibrated graph."""
    settings = recipe.detector
    uncalibrated: dict[str, Any] = {"threshold": 0.5, "threshold_selection": "not calibrated", "temperature": 1.0}
    initial_weights = fitted.built.initial_weights
    return Card(
        name=recipe.name,
        title=describe_title(recipe, data),
        architecture=str(fitted.built.name),
        channels=recipe.channels,
        normalisation=Normalisation(
            kind=recipe.network.normalisation,
            parameters=fitted.network.normalise.parameters_for_card(),
            description=TEXTS[recipe.network.normalisation] + describe_indices(recipe.network.indices),
        ),
        tile_px=settings.tile_px,
        overlap_px=settings.overlap_px,
        size_multiple=SIZE_MULTIPLE,
        trained_on=describe_training(recipe, data, facts, initial_weights, notes),
        pixel_size_m=data.pixel_size_m,
        not_good_for=describe_limits(recipe, data, facts[0]),
        licence=settings.licence or UNSTATED_LICENCE,
        attribution=describe_attribution(recipe, data, initial_weights),
        recipe=_without_paths(recipe),
        landslip_version=landslip.__version__,
        created=datetime.now(UTC).date(),
        graph_sha256="0" * 64,
        **(uncalibrated | found),
    )


def _without_paths(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe for the card, with the name of the folder of negatives in place of its path."""
    written = recipe.model_dump(mode="json")
    if recipe.negatives is not None and recipe.negatives.data is not None:
        written["negatives"]["data"] = Path(recipe.negatives.data).name
    return written
