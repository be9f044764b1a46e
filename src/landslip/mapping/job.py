"""The settings of a map, checked once at the border."""

import hashlib
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

import landslip
from landslip.detector.detector import Detector
from landslip.grid.lattice import Lattice, blocks
from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.inference.engine import Engine, InferenceOptions, Precision, open_engine
from landslip.inference.predict import lattice_for
from landslip.inference.tta import TTAEngine
from landslip.mapping.area import AreaOfInterest, AreaOnGrid
from landslip.scenes.scene import Scene

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


@dataclass(frozen=True, slots=True)
class Job:
    """A scene, a detector and the settings, checked and laid on a grid."""

    scene: Scene
    detector: Detector
    engine: Engine
    settings: MapSettings
    aoi: AreaOfInterest | None
    area: AreaOnGrid | None
    region: Window
    """The part of the scene that is mapped."""
    grid: MapGrid
    """The grid of that part."""
    lattice: Lattice
    """Of the whole scene, so that a part is mapped as the whole would be."""

    @classmethod
    def of(cls, scene: Scene, detector: Detector, settings: MapSettings, aoi: AreaOfInterest | None) -> "Job":
        """Settle a run.

        Raises:
            LandslipError: scene, detector, settings and area do not fit together.
        """
        scene.require(detector.card.channels, f"detector '{detector.card.name}'")
        area = aoi.on(scene.geobox) if aoi else None
        region = area.window if area else scene.window
        lattice = lattice_for(detector.card, scene.height, scene.width, settings.overlap_px)
        engine = open_engine(
            detector,
            InferenceOptions(settings.engine, settings.precision, settings.threads),
            height=lattice.tile_height,
            width=lattice.tile_width,
        )
        return cls(
            scene=scene,
            detector=detector,
            engine=engine if settings.uncertainty == "none" else TTAEngine(engine),
            settings=settings,
            aoi=aoi,
            area=area,
            region=region,
            grid=MapGrid.of(scene.geobox, region),
            lattice=lattice,
        )

    @property
    def layers(self) -> int:
        """How many numbers the map holds for a pixel: its probability, and how much it differs where that was asked."""
        return 1 if self.settings.uncertainty == "none" else 2

    def wanted(self, block: Window) -> NDArray[np.bool_]:
        """Which pixels of a block are to be mapped, (h, w)."""
        return self.area.mask(block) if self.area else np.ones(block.shape, np.bool_)

    def pixels(self) -> int:
        """How many pixels are to be mapped."""
        return sum(int(self.wanted(block).sum()) for block in blocks(self.region, self.settings.block_px))

    @property
    def threshold(self) -> float:
        """The user's threshold, or the detector's own."""
        own = self.detector.card.threshold
        return own if self.settings.threshold is None else self.settings.threshold

    @property
    def raster_identity(self) -> dict[str, object]:
        """All that the probability raster depends on, and the blocks in which it is made."""
        area = hashlib.sha256(self.area.pixels.wkb).hexdigest() if self.area else None
        return {
            "landslip": landslip.__version__,
            "scene": self.scene.identity,
            "region": [self.region.row, self.region.col, self.region.height, self.region.width],
            "area": area,
            "detector_sha256": self.detector.sha256,
            "engine": [self.engine.name, self.engine.version, self.engine.precision],
            "uncertainty": self.settings.uncertainty,
            "overlap_px": self.lattice.overlap,
            "block_px": self.settings.block_px,
        }

    @property
    def identity(self) -> dict[str, object]:
        """All that the whole map depends on."""
        return self.raster_identity | {"threshold": self.threshold, "min_area_m2": self.settings.min_area_m2}
