"""From a recipe and its data to a sealed detector with measured scores, and the files that come with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import torch

import landslip
from landslip.card import Card, Normalisation, Score
from landslip.detector import Detector, seal
from landslip.evaluation.evaluate import evaluate
from landslip.evaluation.pixel import DEFINITION, LevelCounts, best_threshold, f1_interval
from landslip.evaluation.running import map_patches, mapper_for
from landslip.patches.division import Division
from landslip.patches.opening import open_patches
from landslip.patches.patch import PatchStack
from landslip.training.calibrate import fit_confidence, fit_temperature
from landslip.training.export import check_parity, check_storage, export_graph, store_half
from landslip.training.feeding import load_part
from landslip.training.loop.fit import Fitted, fit, logits_of
from landslip.training.loop.look import wavelengths
from landslip.training.loop.module import Teacher
from landslip.training.networks.build import SIZE_MULTIPLE
from landslip.training.networks.normalise import TEXTS
from landslip.training.networks.run_weights import save_weights
from landslip.training.parts import Parts, division_for, find_parts
from landslip.training.recipe import Recipe
from landslip.training.run_folder import check_free, start_run
from landslip.training.stress import STRESSES


@dataclass(frozen=True, slots=True)
class Made:
    """What training leaves: the detector and where its files lie."""

    detector: Detector
    detector_path: Path
    weights_path: Path
    fitted: Fitted


def make_detector(
    recipe: Recipe,
    data: Path,
    folder: Path,
    *,
    progress: bool = True,
    resume: bool = False,
    division: Division | None = None,
    teacher: Teacher | None = None,
) -> Made:
    """Train, calibrate, export, measure and seal a detector.

    Leaves in the folder ``recipe.yaml`` (every setting, also those that were left out), ``run.json`` (versions and
    patches), ``log.csv``, ``checkpoints/``, ``curves.png``, ``samples.png``, ``weights.safetensors`` (float32, to go on
    from) and ``<name>.onnx``.

    Args:
        recipe: what to do.
        data: a set of patches of any kind.
        folder: for the results; made if need be.
        progress: show bars on stderr.
        resume: go on with the run in the folder, which must have the same recipe and patches, if there is one.
        division: of the set, instead of the recipe's own.
        teacher: softens the target of every batch.

    Raises:
        ChannelError: the patches lack a channel of the recipe.
        OutputError: the folder holds a run.
        PatchesError: the data are damaged or cannot be divided.
        RecipeError: a part of the recipe is empty, or two share patches; the run in the folder is another one.
        RunError: training or export failed.
    """
    if not resume:
        check_free(folder, recipe.name)
    patches = open_patches(data)
    if division is None:
        division = division_for(recipe.division, patches)
    parts = find_parts(patches, recipe.train, recipe.choose, recipe.report, division)
    threads = recipe.machine.read_threads
    train, choose = (
        load_part(part, recipe.channels, str(name), threads=threads, progress=progress)
        for name, part in ((recipe.train, parts.train), (recipe.choose, parts.choose))
    )
    start_run(folder, recipe, {"train": train.keys, "choose": choose.keys}, division, resume=resume)
    fitted = fit(recipe, train, choose, folder, progress=progress, resume=resume, teacher=teacher)
    weights_path = folder / "weights.safetensors"
    save_weights(weights_path, fitted.network.state_dict(), network=str(fitted.built.words), channels=recipe.channels)
    detector = assemble(recipe, fitted, parts, choose.stack(), progress=progress)
    detector_path = folder / f"{recipe.name}.onnx"
    detector.save(detector_path)
    return Made(detector, detector_path, weights_path, fitted)


def assemble(recipe: Recipe, fitted: Fitted, parts: Parts, choose: PatchStack, *, progress: bool = True) -> Detector:
    """Make a detector of a trained network: calibrate, export, choose, measure, in this order.

    Everything after the export is found by running the exported graph with the engine that maps use, so that what the
    card says holds for what users run.
    """
    logits = logits_of(fitted.network, torch.from_numpy(choose.values))
    temperature = fit_temperature(logits, torch.from_numpy(choose.masks))
    model = export_graph(fitted.network, temperature, len(recipe.channels))
    detector = seal(model, _card(recipe, fitted, temperature))
    check_parity(fitted.network, detector, choose.values)
    if recipe.detector.half_precision_storage:
        whole, model = detector, store_half(model)
        detector = seal(model, whole.card)
        check_storage(whole, detector, choose.values, choose.masks)
    fixed = recipe.detector.threshold
    threshold = choose_threshold(detector, choose) if fixed is None else fixed
    maps = ((probability, patch.mask) for patch, probability in map_patches(detector, parts.choose))
    detector = _with(
        model,
        detector,
        threshold=threshold,
        threshold_chosen=(
            "fixed by the recipe"
            if fixed is not None
            else f"highest F1 on {recipe.choose}, averaged over its own light and {len(STRESSES)} changed lights "
            f"({', '.join(STRESSES)})"
        ),
        confidence=fit_confidence(maps, threshold, str(recipe.choose)),
    )
    return _with(model, detector, scores=tuple(measured(detector, recipe, parts, progress=progress)))


def choose_threshold(detector: Detector, choose: PatchStack) -> float:
    """The threshold with the highest mean F1 over a part's own light and the stresses."""
    mapper = mapper_for(detector)
    values, nm = torch.from_numpy(choose.values), wavelengths(detector.card.channels)
    lights = [values, *(change(values, nm) for change in STRESSES.values())]
    everything = np.ones(choose.masks.shape[1:], bool)
    maps = (np.stack([mapper(values, everything) for values in light.numpy()]) for light in lights)
    return best_threshold([LevelCounts.of(probability, choose.masks) for probability in maps])


def measured(detector: Detector, recipe: Recipe, parts: Parts, *, progress: bool) -> Iterable[Score]:
    """Score a sealed detector on the choosing part and on every part to report."""
    by = "" if parts.division is None else f" of the protocol {parts.division.protocol} ({parts.division.how})"
    for part, patches in ((recipe.choose, parts.choose), *parts.report):
        evaluation = evaluate(detector, patches, progress=progress)
        low, high = f1_interval([score.counts for score in evaluation.patches])
        counts = evaluation.pixel
        role = "epoch, threshold and temperature were chosen on it" if part == recipe.choose else "never seen"
        yield Score(
            data=f"{recipe.detector.data_name}, {part}",
            protocol=f"trained on {recipe.train}{by}; {role}",
            definition=DEFINITION,
            precision=round(counts.precision, 4),
            recall=round(counts.recall, 4),
            f1=round(counts.f1, 4),
            iou=round(counts.iou, 4),
            f1_interval=(round(low, 4), round(high, 4)),
            patches=len(evaluation.patches),
            seeds=(recipe.seed,),
        )


def _card(recipe: Recipe, fitted: Fitted, temperature: float) -> Card:
    """The card before anything was chosen or measured."""
    return Card(
        name=recipe.name,
        title=recipe.detector.title,
        network=str(fitted.built.words),
        channels=recipe.channels,
        normalisation=Normalisation(
            kind=recipe.network.normalisation,
            numbers=fitted.network.normalise.numbers(),
            text=TEXTS[recipe.network.normalisation],
        ),
        tile_px=recipe.detector.tile_px,
        overlap_px=recipe.detector.overlap_px,
        size_multiple=SIZE_MULTIPLE,
        threshold=0.5,
        threshold_chosen="not chosen yet",
        temperature=temperature,
        trained_on=recipe.detector.trained_on,
        pixel_size_m=recipe.detector.pixel_size_m,
        not_good_for=recipe.detector.not_good_for,
        licence=recipe.detector.licence,
        attribution=recipe.detector.attribution,
        recipe=recipe.model_dump(mode="json"),
        landslip_version=landslip.__version__,
        created=datetime.now(UTC).date(),
        graph_sha256="0" * 64,
    )


def _with(model: onnx.ModelProto, detector: Detector, **changes: object) -> Detector:
    return seal(model, Card.model_validate(detector.card.model_dump() | changes))
