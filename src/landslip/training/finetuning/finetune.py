"""Fine-tuning of a detector: labels of a place in, a new detector with its card out."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from pydantic import Field

import landslip
from landslip.datasets.patch_set import PatchStack
from landslip.detector.card import Card, Finetuning, Score
from landslip.detector.detector import Detector, seal
from landslip.errors import PatchesError, RunError
from landslip.files.model import Frozen
from landslip.files.progress import Progress, no_progress
from landslip.inference.engine import InferenceOptions, open_engine
from landslip.metrics.counts import DEFINITION, PixelCounts, count_pixels
from landslip.probability import BACKGROUND, LANDSLIDE, NODATA, encode_probability, reaches_threshold
from landslip.training.assembly.export import check_mean_difference, check_parity, store_half
from landslip.training.data.negatives import Negatives, load_negatives
from landslip.training.finetuning.labels import MARGIN_M, Labels
from landslip.training.finetuning.optimise import NEGATIVE_FRACTION, TrainedPart, optimise
from landslip.training.finetuning.rebuild import check_rebuilt, graph_with_weights, rebuild_network
from landslip.training.recipe.sections import NegativesRecipe

MIN_LANDSLIDES: Final = 5
"""Fewer labelled landslides are refused."""
MIN_TO_HOLD_OUT: Final = 20
"""Labelled landslides from which some patches are held out to score."""
_HELD_OUT: Final = 0.2
_FEWEST_HELD_OUT: Final = 2
_CHECKED: Final = 8
"""Patches on which the rebuilt network is compared with the detector."""
_COMPARED: Final = 64
"""Patches on which the new graph is compared with its network."""


class FinetuneSettings(Frozen):
    """Settings of a fine-tuning.

    Example:
        >>> FinetuneSettings(epochs=5).trained
        'norms'
    """

    trained: TrainedPart = "norms"
    """Which weights: ``head``, ``norms`` or ``all``; how the default was chosen: docs/results/finetuning.md."""
    epochs: Annotated[int, Field(ge=1)] = 10
    """Passes over the patches."""
    batch_size: Annotated[int, Field(ge=2)] = 4
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    """Peak learning rate; that of the trained weights where None."""
    hold_out: bool = True
    """Hold out the last fifth of the patches to score, where 20 landslides or more are labelled."""
    seed: Annotated[int, Field(ge=0)] = 1


@dataclass(frozen=True, slots=True)
class Finetuned:
    """A detector after fine-tuning."""

    detector: Detector
    before: PixelCounts | None
    """Of the detector that was trained further, on the patches held out; None where there are none."""
    after: PixelCounts | None
    """Of the new detector, on the same patches."""


def finetune(
    detector: Detector,
    labels: Labels,
    settings: FinetuneSettings | None = None,
    *,
    name: str | None = None,
    quiet_ground: Path | None = None,
    progress: Progress = no_progress,
) -> Finetuned:
    """Train a detector further on labels of a place; threshold and temperature stay as they are.

    The same arguments, number of threads, kind of CPU and package versions give the same weights.

    Args:
        detector: a single network in float that landslip trained.
        labels: of the place.
        settings: of the training; the defaults where None.
        name: of the new detector; unchanged where None.
        quiet_ground: folder of chips without landslides, which become a quarter of every batch.
        progress: told of batches.

    Raises:
        DetectorError: the network cannot be rebuilt from the detector, or has no such weights.
        PatchesError: there are too few labels.
        RunError: the loss became NaN or infinite, or the new graph differs from its network.

    Example:
        >>> from landslip.datasets.formats import open_patches
        >>> from landslip.training.finetuning.labels import labels_of_patches
        >>> detector = Detector.open("s2-rgb")
        >>> patches = open_patches("examples/l4s-rgb-kept-apart").where(lambda entry: entry.scene == "C")
        >>> labels = labels_of_patches(detector.card, patches, "scene C")
        >>> made = finetune(detector, labels, FinetuneSettings(trained="head", epochs=1, hold_out=False))
        >>> made.detector.card.finetuning.parent
        's2-rgb'
    """
    chosen = settings or FinetuneSettings()
    _check_labels(labels)
    network = rebuild_network(detector)
    stack = labels.part.stack()
    check_rebuilt(network, detector, stack.values[:_CHECKED])
    held_out = _count_held_out(labels, stack) if chosen.hold_out else 0
    train = labels.part.subset(range(len(stack) - held_out))
    negatives: Negatives | None = None
    if quiet_ground is not None:
        negatives = load_negatives(
            NegativesRecipe(data=str(quiet_ground), fraction=NEGATIVE_FRACTION), labels.part, progress
        )
    optimise(
        network,
        train,
        temperature=detector.card.temperature,
        trained=chosen.trained,
        epochs=chosen.epochs,
        batch_size=chosen.batch_size,
        learning_rate=chosen.learning_rate,
        negatives=negatives,
        seed=chosen.seed,
        progress=progress,
    )
    graph = graph_with_weights(detector, network.eval())
    exported = seal(graph, detector.card)
    rounding = check_parity(network, exported, stack.values[:_COMPARED]).rounding
    if _stored_half(detector):
        half = seal(store_half(graph), detector.card)
        try:
            check_mean_difference(exported, half, stack.values[:_COMPARED], remedy="", rounding=rounding)
            exported = half
        except RunError:
            # A smaller file is not worth the training: it is stored in float32.
            pass
    before = after = None
    if held_out:
        apart = PatchStack(stack.channels, stack.values[-held_out:], stack.masks[-held_out:])
        before, after = (_score(one, apart) for one in (detector, exported))
    record = Finetuning(
        parent=detector.card.name,
        parent_sha256=detector.sha256,
        labels=labels.description,
        landslides=labels.landslides,
        patches=len(train),
        trained=chosen.trained,
        epochs=chosen.epochs,
        quiet_ground=negatives.note if negatives else "",
        held_out_f1_before=round(before.f1, 4) if before else None,
        seed=chosen.seed,
    )
    changed = _changes(detector.card, record, name, after, held_out)
    card = Card.model_validate(detector.card.model_dump() | changed)
    return Finetuned(seal(onnx.load_model_from_string(exported.onnx_bytes), card), before, after)


def _check_labels(labels: Labels) -> None:
    if labels.landslides < MIN_LANDSLIDES or not labels.part.landslide_fraction.any():
        raise PatchesError(
            f"fine-tuning needs {MIN_LANDSLIDES} labelled landslides or more, got {labels.landslides}: label more, or "
            "lower the threshold of the map",
            parameter="labels",
        )
    if not (labels.part.stack().masks == BACKGROUND).any():
        raise PatchesError(
            f"the labels hold no background: give an area in which the landslides are complete (the default reaches "
            f"{MARGIN_M:g} m around each)",
            parameter="area",
        )


def _count_held_out(labels: Labels, stack: PatchStack) -> int:
    """Number of patches at the end that are held out, which are neighbours; none where labels are few."""
    count = round(_HELD_OUT * len(stack))
    enough = labels.landslides >= MIN_TO_HOLD_OUT and count >= _FEWEST_HELD_OUT
    if not enough:
        return 0
    # Without a landslide among them they tell nothing.
    landslide = stack.masks == LANDSLIDE
    return count if landslide[-count:].any() and landslide[:-count].any() else 0


def _stored_half(detector: Detector) -> bool:
    model = onnx.load_model_from_string(detector.onnx_bytes)
    return any(tensor.data_type == onnx.TensorProto.FLOAT16 for tensor in model.graph.initializer)


def _score(detector: Detector, stack: PatchStack) -> PixelCounts:
    height, width = stack.values.shape[2:]
    engine = open_engine(detector, InferenceOptions(precision="float32"), height=height, width=width)
    found: NDArray[np.bool_] = reaches_threshold(encode_probability(engine(stack.values)), detector.card.threshold)
    known = stack.masks != NODATA
    return count_pixels(found[known], stack.masks[known])


def _changes(
    card: Card, record: Finetuning, name: str | None, after: PixelCounts | None, held_out: int
) -> dict[str, Any]:
    """Return the fields of the card that fine-tuning changes."""
    scores: tuple[Score, ...] = ()
    if after is not None:
        protocol = f"fine-tuned on {record.patches} patches of the same place, next to these; not used in training"
        scores = (
            Score(
                data=f"{held_out} patches held out of {record.labels}",
                protocol=protocol,
                definition=DEFINITION,
                precision=round(after.precision, 4),
                recall=round(after.recall, 4),
                f1=round(after.f1, 4),
                iou=round(after.iou, 4),
                patches=held_out,
                seeds=(record.seed,),
            ),
        )
    text = f"{card.trained_on} Then fine-tuned on {record.labels} ({record.trained}, {record.epochs} epochs)."
    limit = f"Other places: it was fine-tuned on {record.landslides} landslides of one, and may be worse elsewhere."
    return {
        "name": name or card.name,
        "trained_on": text,
        "scores": scores,
        "finetuning": record,
        "not_good_for": (*card.not_good_for, limit),
        "landslip_version": landslip.__version__,
        "created": datetime.now(UTC).date(),
    }
