"""The settings of a map, checked once at the border."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from landslip.inference.engine import Precision

Uncertainty = Literal["none", "tta"]


class MapSettings(BaseModel):
    """How a map is made. Only threshold, overlap, minimum area and precision can change what is on it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    """Probability from which a pixel is landslide; the detector's own where None."""
    min_area_m2: Annotated[float, Field(ge=0)] = 400.0
    """Smaller landslides are left out of the inventory: four Sentinel-2 pixels unless said otherwise."""
    overlap_px: Annotated[int, Field(ge=0)] | None = None
    """How many pixels neighbouring tiles share; the detector's own where None."""
    engine: str = "auto"
    precision: Precision = "float32"
    uncertainty: Uncertainty = "none"
    """``tta``: beside each probability, how much it differs over four flipped looks; four times as slow."""
    block_px: Annotated[int, Field(ge=16, le=16384)] = 1024
    """Side of the blocks in which the scene is read and the map written: sets how much memory is used."""
    threads: Annotated[int, Field(ge=1)] | None = None
    resume: bool = True
    """Go on with an unfinished run of the same scene, detector and settings."""
    overwrite: bool = False
    """Replace a map that is already there, once the new one is finished."""
