"""The card of a detector: what it is, takes and was trained on, how good it is and what it is not good for.

It travels as JSON inside the detector's ONNX file (``detector.py``). Unknown keys are errors, values cannot be changed.
"""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from landslip.channels import CHANNELS

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, StringConstraints(min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
"""Of a detector: small letters, digits, dots and hyphens."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Normalisation(_Frozen):
    """How the graph turns physical units into what its network sees; the work itself is done inside the graph."""

    kind: Text
    numbers: dict[str, float | tuple[float, ...]] = {}
    text: Text


class Confidence(_Frozen):
    """How sure to be that a mapped polygon is a landslide: a logistic function of what is known of the polygon.

    confidence = 1 / (1 + exp(-(intercept + probability_mean * p + log10_area_px * log10(a)))), with p the mean
    probability inside the polygon and a its area in pixels.
    """

    intercept: float
    probability_mean: float
    log10_area_px: float
    text: Text


class Member(_Frozen):
    """A network inside an ensemble."""

    name: Text
    network: Text
    graph_sha256: Sha256
    forward_passes: Annotated[int, Field(ge=1)] = 1


class Adaptation(_Frozen):
    """Which place a detector was adapted to, without any truth of it (``finishing/adapt.py``)."""

    to: Text
    images: Annotated[int, Field(ge=1)]
    """Of the place, that were looked at."""
    share: Annotated[float, Field(gt=0, le=1)]
    """How far its normalising layers went from the statistics that they had to those of the place."""


class SeenStatistics(_Frozen):
    """What the images of the training part are like, in the numbers of ``seen/statistics.py``."""

    names: Annotated[tuple[Text, ...], Field(min_length=1)]
    relative: bool
    """Whether the numbers leave out how bright each channel is, since the training data do not know it."""
    side_px: Annotated[int, Field(ge=2)]
    """Side of the images, which contrast depends on."""
    patches: Annotated[int, Field(ge=2)]
    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    """Shrunk to its diagonal by as much as there are numbers to patches."""
    distance_quantiles: tuple[tuple[Share, Annotated[float, Field(ge=0)]], ...]
    """Shares of the training patches, rising, with the distance from the mean that so many lie within."""

    @model_validator(mode="after")
    def _shapes_agree(self) -> "SeenStatistics":
        count = len(self.names)
        if len(self.mean) != count or [len(row) for row in self.covariance] != [count] * count:
            raise ValueError(f"{count} names need as many means and a square of covariances")
        if not self.distance_quantiles or sorted(self.distance_quantiles) != list(self.distance_quantiles):
            raise ValueError("shares of the training patches and their distances must rise")
        return self


class Score(_Frozen):
    """Precision, recall, F1 and IoU of the landslide class on one set, with the protocol they belong to."""

    data: Text
    protocol: Text
    definition: Text
    precision: Share
    recall: Share
    f1: Share
    iou: Share
    f1_interval: tuple[Share, Share] | None = None
    patches: Annotated[int, Field(ge=1)]
    seeds: tuple[int, ...]


class Card(_Frozen):
    """All it takes to use a trained network rightly."""

    card_version: Literal[1] = 1
    name: Name
    title: Text
    network: Text
    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    normalisation: Normalisation
    tile_px: Annotated[int, Field(ge=32, le=4096)]
    overlap_px: Annotated[int, Field(ge=0)]
    size_multiple: Annotated[int, Field(ge=1, le=256)]
    threshold: Annotated[float, Field(gt=0, lt=1)]
    threshold_chosen: Text
    temperature: Annotated[float, Field(gt=0)]
    confidence: Confidence | None = None
    trained_on: Text
    pixel_size_m: Annotated[float, Field(gt=0)]
    """Ground sampling of the training data."""
    scores: tuple[Score, ...] = ()
    input_ranges: dict[str, tuple[float, float]] | None = None
    """Range (1st to 99th percentile) of each channel in training, where the training data know absolute values."""
    seen: SeenStatistics | None = None
    """What the images of the training part are like, to know how far another lies from them; older cards lack it."""
    adapted: Adaptation | None = None
    """The place that it was adapted to; None for as it was trained."""
    not_good_for: Annotated[tuple[str, ...], Field(min_length=1)]
    licence: Text
    attribution: Annotated[tuple[str, ...], Field(min_length=1)]
    recipe: dict[str, Any]
    members: tuple[Member, ...] = ()
    """The networks whose answers the graph averages; empty for a single one."""
    turns: Literal["none", "flips", "d4"] = "none"
    """In which turns and flips the graph looks at an image and averages what it finds."""
    forward_passes: Annotated[int, Field(ge=1)] = 1
    """What an image costs: how often a network runs for it."""
    landslip_version: Text
    created: date
    graph_sha256: Sha256

    @field_validator("channels")
    @classmethod
    def _channels_are_known(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in channels if name not in CHANNELS]
        if unknown or len(set(channels)) != len(channels):
            raise ValueError(f"channels must be different names of the channel table, got {', '.join(channels)}")
        return channels

    @model_validator(mode="after")
    def _sizes_fit(self) -> "Card":
        if self.overlap_px >= self.tile_px:
            raise ValueError(f"overlap_px {self.overlap_px} must be smaller than tile_px {self.tile_px}")
        if self.tile_px % self.size_multiple:
            raise ValueError(f"tile_px {self.tile_px} must be a multiple of size_multiple {self.size_multiple}")
        return self

    @property
    def unmeasured(self) -> str:
        """What to say where there are no scores, in a sentence."""
        if self.adapted is not None:
            return f"It was adapted to {self.adapted.to} without any truth: nobody has measured how well it does."
        return "This detector comes without scores: nobody has measured how well it does."

    @property
    def units(self) -> tuple[str, ...]:
        """The unit of each channel, in order."""
        return tuple(CHANNELS[name].unit for name in self.channels)
