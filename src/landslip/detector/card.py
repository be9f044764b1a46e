"""The card of a detector: what it takes, how it was trained and scored, and its limits.

The card is stored as JSON inside the detector's ONNX file (``sealed_file.py``). Unknown keys are errors; a card cannot
be changed.
"""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from landslip.channels import DETECTOR_INPUTS, split_dates
from landslip.files.model import FrozenRecord

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Fraction = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, StringConstraints(min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
"""Of a detector: small letters, digits, dots, underscores and hyphens."""


class Normalisation(FrozenRecord):
    """How the graph converts physical units to the input of its network; the graph itself does the work."""

    kind: Text
    parameters: dict[str, float | tuple[float, ...]] = Field(default={})
    description: Text


class Confidence(FrozenRecord):
    """Per-polygon confidence: logistic regression on mean probability and log10 area.

    confidence = 1 / (1 + exp(-(intercept + probability_mean * p + log10_area_px * log10(a)))), with p the mean
    probability inside the polygon and a its area in pixels.
    """

    intercept: float
    probability_mean: float
    log10_area_px: float
    description: Text


class Member(FrozenRecord):
    """A network of an ensemble."""

    name: Text
    architecture: Text
    graph_sha256: Sha256
    forward_passes: Annotated[int, Field(ge=1)] = 1


class Adaptation(FrozenRecord):
    """The target scene that a detector was adapted to without labels (``post_training/adaptation.py``)."""

    target: Text
    images: Annotated[int, Field(ge=1)]
    """Number of images of the target that were used."""
    weight: Annotated[float, Field(gt=0, le=1)]
    """Interpolation of the batch-norm statistics between training data (0) and target (1)."""


class Finetuning(FrozenRecord):
    """How a detector was trained further on labels of a place (``training/finetuning``)."""

    parent: Text
    """Name of the detector that was trained further."""
    parent_sha256: Sha256
    """Of its file."""
    labels: Text
    """Where the labels are from, and where they are complete."""
    landslides: Annotated[int, Field(ge=1)]
    """Number of labelled landslides, with those held out."""
    patches: Annotated[int, Field(ge=1)]
    """Patches that were trained on."""
    trained: Literal["head", "norms", "all"]
    """Weights that were trained: the last layer; also scale and shift of batch normalisation; every weight."""
    epochs: Annotated[int, Field(ge=1)]
    quiet_ground: str = ""
    """Chips without landslides in every batch; empty for none."""
    held_out_f1_before: Fraction | None = None
    """F1 of the detector that was trained further, on the patches held out; its own is among the scores."""
    seed: Annotated[int, Field(ge=0)]


class Parity(FrozenRecord):
    """Accuracy of a quantised detector on an engine beside that of the detector in float32, on held-out patches."""

    engine: Text
    f1_float32: Fraction
    f1_int8: Fraction
    narrow_f1_float32: Fraction
    """F1 of landslides less than ``Quantisation.narrow_px`` wide."""
    narrow_f1_int8: Fraction
    mean_difference: Fraction
    """Mean absolute difference in probability from float32."""


class Quantisation(FrozenRecord):
    """How a detector was quantised to int8 (``post_training/quantisation.py``)."""

    method: Text
    calibrated_on: Text
    """Patches from which the ranges of the activations were taken."""
    held_out: Text
    """Patches on which parity was checked."""
    layers: Annotated[int, Field(ge=1)]
    """Number of quantised layers."""
    float_layers: tuple[Text, ...]
    """Names of the layers that stayed in float."""
    cpu: Text
    """CPU on which parity was checked."""
    narrow_px: Annotated[int, Field(ge=1)]
    parity: tuple[Parity, ...] = ()
    """One entry for each engine."""
    engine_mean_difference: Fraction = 0.0
    """Mean absolute difference in probability between the engines."""


class OodStatistics(FrozenRecord):
    """Distribution of image statistics over the training part, to measure how far another image is from it."""

    names: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Of the statistics, as in ``detector/ood_statistics.py``."""
    relative: bool
    """Whether the mean of each channel is left out, because the training data hold no absolute brightness."""
    side_px: Annotated[int, Field(ge=2)]
    """Side of the training images, which contrast depends on."""
    patches: Annotated[int, Field(ge=2)]
    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    """Shrunk towards its diagonal, by the ratio of statistics to patches."""
    distance_quantiles: tuple[tuple[Fraction, Annotated[float, Field(ge=0)]], ...]
    """Rising fractions of the training patches, each with the distance from the mean that it lies within."""

    @model_validator(mode="after")
    def _shapes_agree(self) -> "OodStatistics":
        count = len(self.names)
        if len(self.mean) != count or [len(row) for row in self.covariance] != [count] * count:
            raise ValueError(f"{count} names need {count} means and a {count} x {count} covariance")
        if not self.distance_quantiles or sorted(self.distance_quantiles) != list(self.distance_quantiles):
            raise ValueError("fractions and distances of distance_quantiles must rise")
        return self


class Score(FrozenRecord):
    """Precision, recall, F1 and IoU of the landslide class on one set, with the protocol they belong to."""

    data: Text
    protocol: Text
    definition: Text
    precision: Fraction
    recall: Fraction
    f1: Fraction
    iou: Fraction
    f1_interval: tuple[Fraction, Fraction] | None = None
    """95 % bootstrap interval of F1."""
    f1_interval_over: Text = "patches"
    """What was resampled for the interval, such as ``blocks of 4 x 4 patches``."""
    patches: Annotated[int, Field(ge=1)]
    seeds: tuple[int, ...]

    @property
    def f1_text(self) -> str:
        """F1 with its interval, such as ``0.700 (0.671 to 0.724 over patches)``."""
        if self.f1_interval is None:
            return f"{self.f1:.3f}"
        low, high = self.f1_interval
        return f"{self.f1:.3f} ({low:.3f} to {high:.3f} over {self.f1_interval_over})"


class Card(FrozenRecord):
    """Everything needed to apply a trained network correctly."""

    card_version: Literal[2] = 2
    name: Name
    title: Text
    architecture: Text
    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    normalisation: Normalisation
    tile_px: Annotated[int, Field(ge=32, le=4096)]
    overlap_px: Annotated[int, Field(ge=0)]
    size_multiple: Annotated[int, Field(ge=1, le=256)]
    """Height and width of the network's input must be multiples of this."""
    threshold: Annotated[float, Field(gt=0, lt=1)]
    threshold_selection: Text
    """How the threshold was chosen, and on which data."""
    temperature: Annotated[float, Field(gt=0)]
    confidence: Confidence | None = None
    mapped_probability: Fraction | None = None
    """Mean probability of the pixels mapped as landslide, at the threshold, on the patches that calibrated it."""
    trained_on: Text
    pixel_size_m: Annotated[float, Field(gt=0)]
    """Ground sampling distance of the training data."""
    scores: tuple[Score, ...] = ()
    input_ranges: dict[str, tuple[float, float]] | None = None
    """1st to 99th percentile of each channel in training, where the training data hold absolute values."""
    ood: OodStatistics | None = None
    """Statistics of the training images for out-of-distribution detection."""
    adaptation: Adaptation | None = None
    """The scene it was adapted to; None for a detector as trained."""
    finetuning: Finetuning | None = None
    """The labels of a place that it was trained further on; None for a detector as trained."""
    quantisation: Quantisation | None = None
    """How it was quantised to int8; None for a detector in float."""
    not_good_for: Annotated[tuple[str, ...], Field(min_length=1)]
    licence: Text
    attribution: Annotated[tuple[str, ...], Field(min_length=1)]
    recipe: dict[str, Any]
    members: tuple[Member, ...] = ()
    """The networks whose probabilities the graph averages; empty for a single network."""
    tta: Literal["none", "flips", "d4"] = "none"
    """Test-time augmentation inside the graph."""
    forward_passes: Annotated[int, Field(ge=1)] = 1
    """Number of network runs per image: the cost of the detector."""
    landslip_version: Text
    created: date
    graph_sha256: Sha256

    @field_validator("channels")
    @classmethod
    def _channels_are_known(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in channels if name not in DETECTOR_INPUTS]
        if unknown or len(set(channels)) != len(channels):
            raise ValueError(f"channels must be different names of the channel table, got {', '.join(channels)}")
        return channels

    @property
    def slope_rule(self) -> Literal["horn", "landslide4sense"]:
        """How slope is computed from elevation for this detector: as in its training data."""
        return "landslide4sense" if "slope" in self.channels and "Landslide4Sense" in self.trained_on else "horn"

    @model_validator(mode="after")
    def _sizes_fit(self) -> "Card":
        if self.overlap_px >= self.tile_px:
            raise ValueError(f"overlap_px {self.overlap_px} must be smaller than tile_px {self.tile_px}")
        if self.tile_px % self.size_multiple:
            raise ValueError(f"tile_px {self.tile_px} must be a multiple of size_multiple {self.size_multiple}")
        return self

    @property
    def unmeasured(self) -> str:
        """Sentence to show instead of scores if there are no scores."""
        if self.adaptation is not None:
            return f"Adapted to {self.adaptation.target} without labels: its accuracy there has not been measured."
        if self.finetuning is not None:
            return f"Fine-tuned on {self.finetuning.labels}: its accuracy has not been measured."
        return "This detector has no scores: its accuracy has not been measured."

    @property
    def dates(self) -> int:
        """Number of dates that it takes: 1, or 2 for a detector of change, whose landslides are new ones."""
        return 2 if split_dates(self.channels)[1] else 1

    @property
    def units(self) -> tuple[str, ...]:
        """The unit of each channel, in order."""
        return tuple(DETECTOR_INPUTS[name].unit for name in self.channels)

    def __repr__(self) -> str:
        return f"Card({self.name!r}, {self.architecture}, {len(self.channels)} channels, threshold {self.threshold:g})"

    def __str__(self) -> str:
        return repr(self)
