"""Makes a detector of a trained network: export, turns, calibration, measurement, in this order.

Everything after the export is found by running the exported graph with the engine that maps use, so that what the card
says holds for what users run.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

import landslip
from landslip.datasets.patch_set import PatchSet, PatchStack
from landslip.datasets.splits import Part, key_of
from landslip.detector.card import Card, Normalisation, Score
from landslip.detector.detector import Detector, seal
from landslip.detector.ood_distance import seen_statistics
from landslip.evaluation.evaluate import evaluate
from landslip.metrics.counts import LevelCounts
from landslip.post_training.calibration import Choosing, calibrate, score_of, with_card
from landslip.post_training.ensemble import ensemble
from landslip.post_training.parity import check_ensemble
from landslip.training.assembly.export import check_parity, check_storage, export_graph, store_half
from landslip.training.assembly.input_ranges import input_ranges, knows_absolute_values
from landslip.training.assembly.threshold_evidence import lights_for
from landslip.training.data.feeding import LoadedPart, in_turn
from landslip.training.data.parts import Parts
from landslip.training.loop.trainer import Fitted
from landslip.training.networks.build import SIZE_MULTIPLE
from landslip.training.networks.indices import indices_in_words
from landslip.training.networks.normalise import TEXTS
from landslip.training.recipe.recipe import Recipe


def assemble(
    recipe: Recipe,
    fitted: Fitted,
    parts: Parts,
    train: LoadedPart,
    choose: PatchStack,
    *,
    unseen: Mapping[str, Sequence[LevelCounts]],
    notes: Iterable[str] = (),
    progress: bool = True,
) -> Detector:
    """Make a detector of a trained network.

    Args:
        recipe: what was done.
        fitted: the network.
        parts: of the set; on those that the recipe names temperature and threshold are chosen, all are scored.
        train: what was learned from, for the ranges of its channels.
        choose: patches on which export and storage are checked.
        unseen: ground that its like never saw, for the threshold.
        notes: what else was learned from, in sentences for the card.
        progress: show bars on stderr.

    Raises:
        PatchesError: a part holds no landslide to choose a threshold by.
        RunError: the exported graph does not say what the network says.
    """
    absolute = knows_absolute_values(parts.train)
    seen = seen_statistics(parts.train, recipe.channels, relative=not absolute)
    card = _card(recipe, fitted, notes).model_copy(update={"seen": seen})
    if absolute:
        fed = in_turn(train, np.arange(len(train)))
        card = card.model_copy(
            update={"input_ranges": input_ranges((one.values.numpy() for one in fed), train.channels)}
        )
    model = export_graph(fitted.network, 1.0, len(recipe.channels))
    detector = seal(model, card)
    check_parity(fitted.network, detector, choose.values)
    if recipe.detector.half_precision_storage:
        whole, detector = detector, seal(store_half(model), card)
        check_storage(whole, detector, choose.values, choose.masks)
    if recipe.detector.tta != "none":
        detector = _turning(recipe, detector)
    lights = lights_for(recipe.channels) if recipe.calibration.photometric_robustness else {}
    choosing = {str(part): patches_of(part, recipe, parts) for part in recipe.calibration.parts or (recipe.validation,)}
    detector = calibrate(detector, Choosing(choosing, lights, unseen, recipe.detector.threshold), progress=progress)
    return with_card(detector, scores=tuple(measured(detector, recipe, parts, progress=progress)))


def _turning(recipe: Recipe, detector: Detector) -> Detector:
    """The detector, looking in every turn; its card stays that of the recipe but for what an image costs."""
    turned = ensemble([detector], detector.card.name, turns=recipe.detector.tta)
    check_ensemble(turned, [detector], recipe.detector.tta)
    about = {name: getattr(turned.card, name) for name in ("members", "turns", "forward_passes")}
    return with_card(turned, **detector.card.model_dump(exclude={*about, "graph_sha256"}), **about)


def measured(detector: Detector, recipe: Recipe, parts: Parts, *, progress: bool) -> Iterable[Score]:
    """Score a sealed detector on every part that was chosen by and on every part to report."""
    by = "" if parts.split is None else f" of the protocol {parts.split.protocol} ({parts.split.how})"
    for part in dict.fromkeys((recipe.validation, *recipe.calibration.parts, *recipe.test)):
        yield score_of(
            evaluate(detector, patches_of(part, recipe, parts), progress=progress),
            data=f"{recipe.detector.data_name}, {part}",
            protocol=f"trained on {recipe.train}{by}; {_role(part, recipe, parts)}",
            seeds=(recipe.seed,),
        )


def patches_of(part: Part, recipe: Recipe, parts: Parts) -> PatchSet[Any]:
    """The patches of a part that the recipe chooses by or reports."""
    return {recipe.validation: parts.validation, **dict(parts.test)}[part]


def _role(part: Part, recipe: Recipe, parts: Parts) -> str:
    """What the patches of a part are to the detector: seen only where nothing was chosen by any of them."""
    ours = _keys(patches_of(part, recipe, parts))
    by_epoch = ours & _keys(parts.validation)
    by_threshold = {
        key for one in recipe.calibration.parts or (recipe.validation,) for key in ours & _keys(patches_of(one, recipe, parts))
    }
    chosen = ["epoch"] * bool(by_epoch) + ["threshold and temperature"] * bool(by_threshold)
    if not chosen:
        return "never seen"
    some = by_epoch | by_threshold
    where = "it" if some == ours else f"{len(some)} of its patches"
    return f"{', '.join(chosen)} {'were' if by_threshold else 'was'} chosen on {where}"


def _keys(patches: PatchSet[Any]) -> set[str]:
    return {key_of(entry) for entry in patches.entries}


def _card(recipe: Recipe, fitted: Fitted, notes: Iterable[str]) -> Card:
    """The card before anything was chosen or measured."""
    return Card(
        name=recipe.name,
        title=recipe.detector.title,
        network=str(fitted.built.words),
        channels=recipe.channels,
        normalisation=Normalisation(
            kind=recipe.network.normalisation,
            numbers=fitted.network.normalise.numbers(),
            text=TEXTS[recipe.network.normalisation] + indices_in_words(recipe.network.indices),
        ),
        tile_px=recipe.detector.tile_px,
        overlap_px=recipe.detector.overlap_px,
        size_multiple=SIZE_MULTIPLE,
        threshold=0.5,
        threshold_chosen="not chosen yet",
        temperature=1.0,
        trained_on=" ".join([recipe.detector.trained_on, f"Weights started: {fitted.built.start}.", *notes]),
        pixel_size_m=recipe.detector.pixel_size_m,
        not_good_for=recipe.detector.not_good_for,
        licence=recipe.detector.licence,
        attribution=recipe.detector.attribution,
        recipe=recipe.model_dump(mode="json"),
        landslip_version=landslip.__version__,
        created=datetime.now(UTC).date(),
        graph_sha256="0" * 64,
    )
