"""How strongly to augment, in numbers that a recipe may set."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from landslip.files.model import Frozen

Share = Annotated[float, Field(ge=0, le=1)]


class AugmentationRecipe(Frozen):
    """How strongly to augment; 0 switches a step off, as 1 does for gain and contrast."""

    window_px: int | None = Field(default=None, ge=32, multiple_of=32)
    """Side of the random window of each patch that is learned from, so that a step sees more patches; null: all."""
    dihedral: bool = True
    """The eight turns and flips of a square; a patch that is no square keeps its shape, and so has four."""
    zoom: float = Field(default=0.25, ge=0, lt=1)
    """Scale drawn between 1 / (1 + zoom) and 1 + zoom, for half of the patches: the same ground in other pixels."""
    rotation_deg: float = Field(default=180.0, ge=0, le=180)
    """Most rotation either way, for the same half; what comes in at the corners is mirrored."""
    crop: float = Field(default=0.0, ge=0, lt=1)
    """Most of a side that is cut away, for the same half: a window anywhere in the patch, stretched to its size."""
    quiet: Share = 0.0
    """Share of patches that become ground without a landslide, where they have a quarter without one."""
    gain: float = Field(default=2.0, ge=1)
    """Overall brightness drawn between 1 / gain and gain."""
    colour: float = Field(default=0.12, ge=0)
    """Deviation of the logarithm of each channel's own gain."""
    mixing: float = Field(default=0.0, ge=0, lt=1)
    """Most of a channel that is taken from the others, as on ground of other colours."""
    haze: float = Field(default=0.4, ge=0)
    """Most haze, as a share of the mean of the bluest channel, for a third of the patches."""
    clearing: Share = 0.8
    """Most haze taken away, as a share of each channel's dark level, for another third."""
    contrast: float = Field(default=1.3, ge=1)
    """Exponent drawn between 1 / contrast and contrast."""
    shade: float = Field(default=0.2, ge=0, lt=0.5)
    """Deviation of the slow illumination field, at most twice of which is drawn."""
    noise: float = Field(default=0.03, ge=0)
    """Most noise, as a share of each channel's mean."""
    blur: Share = 0.7
    """Most blur, for a third of the patches."""
    shift_px: float = Field(default=0.0, ge=0, le=1)
    """Most that each channel is moved, down or up and right or left, for half of the patches: bands a little apart."""
    mix_up: Share = 0.0
    """Share of patches that are blended with another of the batch, truth and all."""
    cut_mix: Share = 0.0
    """Share of patches in which a rectangle is taken from another of the batch, truth and all."""
    gap: Share = 0.1
    """Share of patches of which one side is not observed, as at the edge of a scene."""
    cloud: Share = 0.0
    """Share of patches of which coarse pieces are not observed, as under clouds."""
    cloud_cover: float = Field(default=0.5, gt=0, le=0.875)
    """Most of a patch that such clouds hide."""
    dropout: dict[str, Share] = Field(default_factory=dict)
    """By name of channel: share of patches in which it is absent, so that a detector learns to do without it."""

    @model_validator(mode="after")
    def _mixed_once(self) -> Self:
        if self.mix_up + self.cut_mix > 1:
            raise ValueError(
                f"mix_up {self.mix_up} and cut_mix {self.cut_mix} are shares of the same patches: together at most 1"
            )
        return self

    @property
    def lights(self) -> bool:
        """Whether any step changes the light, or how the instrument takes it."""
        shares = (self.colour, self.mixing, self.haze, self.clearing, self.shade, self.noise, self.blur, self.shift_px)
        return any(shares) or self.gain > 1 or self.contrast > 1

    @classmethod
    def still(cls) -> Self:
        """Every step switched off: changes nothing."""
        off = {name: 0.0 for name in cls.model_fields if name not in ("window_px", "cloud_cover", "dropout")}
        return cls.model_validate(off | {"dihedral": False, "gain": 1.0, "contrast": 1.0})
