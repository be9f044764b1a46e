"""The job of a map: its settings, and scene, detector and area of interest checked against each other."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

import landslip
from landslip.change.detector import ChangeDetector
from landslip.change.pair import ChangeReading, ScenePair
from landslip.channels import CHANNELS, split_dates
from landslip.detector.detector import Detector, packaged
from landslip.errors import SettingsError
from landslip.files.model import FrozenRecord
from landslip.grid.lattice import Lattice, split_blocks
from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.inference.engine import Engine, InferenceOptions, Precision
from landslip.inference.engine_pool import EnginePool
from landslip.inference.predict import make_lattice
from landslip.inference.tta import TTAEngine
from landslip.mapping.area import AreaOfInterest, AreaOnGrid
from landslip.mapping.candidate_shape import FIELD_RULE
from landslip.mapping.masks.excluded_area import ExcludedArea
from landslip.mapping.masks.image_masks import CompositeMasks, ImageMasks
from landslip.mapping.masks.scene_masks import BUFFER_M, CloudChoice, SceneMasks
from landslip.scenes.masks.kinds import FIELD, RULING_OUT, SLOPE, WHITE, MaskName, hides_ground
from landslip.scenes.scene import Scene

Uncertainty = Literal["none", "tta"]


class MapSettings(FrozenRecord):
    """Settings of a map. Only threshold, tiles, overlap, minimum area, precision and masks change its content.

    Example:
        >>> MapSettings(threshold=0.5, min_area_m2=1000).threshold
        0.5
    """

    threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    """Probability from which a pixel is landslide; the detector's where None."""
    min_area_m2: Annotated[float, Field(ge=0)] = 400.0
    """Smaller landslides are left out of the inventory; areas are geodesic, with a tolerance of 0.5 % for the scale
    factor of the projection. The default is four Sentinel-2 pixels."""
    overlap_px: Annotated[int, Field(ge=0)] | None = None
    """Overlap of neighbouring tiles in pixels; the detector's where None."""
    tile_px: Annotated[int, Field(ge=32, le=4096)] | None = None
    """Side of the tiles in pixels; the detector's, with which its accuracy was measured, where None."""
    engine: str = "auto"
    """Name of an engine (``landslip.inference.engine.ENGINES``); ``auto`` is the fastest installed."""
    precision: Precision = "auto"
    """``auto``: the fastest that agreed with float32 and that this CPU supports (``inference/engine.py``)."""
    uncertainty: Uncertainty = "none"
    """``tta``: also map the standard deviation of the probability over four flips of the image; four times as slow."""
    masks: Literal["auto"] | tuple[MaskName, ...] = "auto"
    """Masks computed from the scene. Cloud, shadow and snow are nodata in the map; water rules landslides out.
    ``auto``: clouds, shadow and snow as far as the scene allows, and white ground in a map of two dates. ``none``, or
    names joined by commas, are read too."""
    cloud_source: CloudChoice = "auto"
    """Where clouds are known from: ``scl``, ``network``, ``s2cloudless`` (extra ``clouds``), or ``auto`` for the first
    of the former two that the scene allows."""
    cloud_buffer_m: Annotated[float, Field(ge=0, le=2000)] = BUFFER_M
    """Width of the buffer around clouds, which is cloud too."""
    min_slope_deg: Annotated[float, Field(ge=0, le=90)] = 0.0
    """Candidates with a smaller mean slope are ruled out; 0 keeps all. One whose slope is unknown is kept."""
    field_slope_deg: Annotated[float, Field(ge=0, le=90)] = 0.0
    """Candidates with the shape of a field or a road and a smaller mean slope are ruled out; 0 keeps all. One whose
    slope is unknown is kept."""
    block_px: Annotated[int, Field(ge=16, le=16384)] = 1024
    """Side of the blocks in which the scene is read and the map written; bounds the memory."""
    threads: Annotated[int, Field(ge=1)] | None = None
    """CPU threads of the engine; all cores where None."""
    streams: Annotated[int, Field(ge=1)] | None = None
    """Images that OpenVINO computes at the same time on a CPU; one a thread where None."""
    batch: Annotated[int, Field(ge=1)] | None = None
    """Images in one call of the network on a CPU; one where None."""
    resume: bool = True
    """Resume an unfinished run of the same scene, detector and settings."""
    overwrite: bool = False
    """Replace an existing map once the new one is finished."""

    @field_validator("masks", mode="before")
    @classmethod
    def _split_names(cls, value: Any) -> Any:
        """Read ``none`` and names joined by commas."""
        if not isinstance(value, str) or value == "auto":
            return value
        names = () if value.strip() in ("", "none") else tuple(name.strip() for name in value.split(","))
        unknown = [name for name in names if name not in get_args(MaskName)]
        if unknown:
            raise SettingsError(
                f"masks must be auto, none, or names from {', '.join(get_args(MaskName))}, got {', '.join(unknown)}",
                parameter="masks",
            )
        return names


@dataclass(frozen=True, slots=True)
class Job:
    """A scene, a detector, settings and an area of interest, checked, with the grid of the map."""

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
    """Tiles of the whole scene, so that a map of a part equals that part of the whole map."""
    masks: SceneMasks
    """Of the scene; those of a finished map are known by their rules and are not computed again."""
    pair: ScenePair | None = None
    """The scene and those before the event, where only new landslides are mapped."""
    before_masks: ImageMasks = field(default_factory=ImageMasks)
    """Of the images before."""
    after: CompositeMasks | None = None
    """The images that the scene is a composite of, and their masks."""
    change: ChangeDetector = field(default_factory=ChangeDetector)
    """Finds what is new in a pair."""
    change_engine: Engine | None = None
    """Of its network, if it has one."""

    @classmethod
    def of(
        cls,
        scene: Scene,
        detector: Detector,
        settings: MapSettings,
        aoi: AreaOfInterest | None,
        exclude: AreaOfInterest | None = None,
        engines: EnginePool | None = None,
        pair: ScenePair | None = None,
        change: ChangeDetector | None = None,
        after: CompositeMasks | None = None,
    ) -> "Job":
        """Check a run and open its engine.

        Args:
            scene: to map.
            detector: to run.
            settings: of the map.
            aoi: part of the scene to map; the whole scene where None.
            exclude: area in which landslides are ruled out.
            engines: that are already open; one is opened for this job alone where None.
            pair: of the scene and those before the event; new landslides are mapped then.
            change: finds them; the default where None.
            after: what hides the ground in all images of a composite; None where the scene is a single image.

        Raises:
            LandslipError: scene, detector, settings and area do not fit together.
        """
        if not scene.has(detector.card.channels):
            scene.require(detector.card.channels, f"detector '{detector.card.name}'", _instead(scene))
        for name in ("min_slope_deg", "field_slope_deg"):
            if getattr(settings, name) > 0 and not scene.has(["slope"]):
                raise SettingsError(
                    f"{name} needs the slope or the elevation of scene '{scene.name}', which has "
                    f"{', '.join(scene.channels)}: add a file of one of them, or leave {name} at 0",
                    parameter=name,
                )
        area = aoi.on(scene.geobox) if aoi else None
        masks = SceneMasks.of(
            scene,
            settings.masks,
            cloud_source=settings.cloud_source,
            buffer_m=settings.cloud_buffer_m,
            area=ExcludedArea.on(exclude, scene.geobox) if exclude else None,
            white=pair.white_rule if pair else None,
            hidden=after,
        )
        region = area.window if area else scene.window
        lattice = make_lattice(detector.card, scene.height, scene.width, settings.overlap_px, tile_px=settings.tile_px)
        pool = engines or EnginePool()
        options = InferenceOptions(
            settings.engine, settings.precision, settings.threads, settings.streams, settings.batch
        )
        engine = pool.open(detector, options, height=lattice.tile_height, width=lattice.tile_width)
        before_masks = ImageMasks()
        if pair:
            before_masks = ImageMasks.of(
                [member.scene for member in pair.before.members],
                settings.masks,
                cloud_source=settings.cloud_source,
                buffer_m=settings.cloud_buffer_m,
            )
            pair = replace(pair, before=before_masks.hide(pair.before))
        change = (change or ChangeDetector.open()) if pair else ChangeDetector()
        change_engine = None
        if pair:
            _check_before(pair, detector.card.channels, f"detector '{detector.card.name}'")
        if pair and change.network:
            new, old = split_dates(change.network.card.channels)
            scene.require(new, f"detector of change '{change.name}'")
            _check_before(pair, old, f"detector of change '{change.name}'")
            change_engine = pool.open(change.network, options, height=lattice.tile_height, width=lattice.tile_width)
        return cls(
            scene=scene.with_slope_rule(detector.card.slope_rule),
            detector=detector,
            engine=engine if settings.uncertainty == "none" else TTAEngine(engine),
            settings=settings,
            aoi=aoi,
            area=area,
            region=region,
            grid=MapGrid.of(scene.geobox, region),
            lattice=lattice,
            masks=masks,
            pair=pair,
            before_masks=before_masks,
            after=after,
            change=change,
            change_engine=change_engine,
        )

    @property
    def bands(self) -> int:
        """Bands of the probability raster: probability and, with ``tta``, its standard deviation."""
        return 1 if self.settings.uncertainty == "none" else 2

    def mask(self, block: Window) -> NDArray[np.bool_]:
        """Return which pixels of a block are to be mapped, (H, W)."""
        return self.area.mask(block) if self.area else np.ones(block.shape, np.bool_)

    def read(
        self, channels: Sequence[str], window: Window
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.uint8]]:
        """Read channels of the scene where its masks do not hide the ground.

        Returns:
            Values (C, H, W); where they are valid and the ground is visible (H, W); codes of masks (H, W).
        """
        values, valid = self.scene.read(channels, window)
        codes = self.masks.codes(window)
        return values, valid & ~hides_ground(codes), codes

    def find_white(self, reading: ChangeReading) -> NDArray[np.bool_]:
        """Return where snow or cloud, by its colour, hides the ground of a pair, (H, W)."""
        if WHITE.name not in self.masks.rules:
            return np.zeros(reading.valid.shape, np.bool_)
        white = np.zeros(reading.valid.shape, np.bool_)
        if not self.before_masks.complete:
            white |= reading.white_before
        if not self.masks.complete:
            white |= reading.white_after
        return white

    @property
    def rules_out(self) -> bool:
        """Whether some setting rules candidates out."""
        judged = self.settings.min_slope_deg > 0 or self.settings.field_slope_deg > 0
        return judged or any(kind.name in self.masks.rules for kind in RULING_OUT)

    @property
    def rules(self) -> dict[str, str]:
        """Source and rule of each mask that is applied, by its name."""
        least, field_slope = self.settings.min_slope_deg, self.settings.field_slope_deg
        judged = {}
        if least > 0:
            judged[SLOPE.name] = f"candidates with a mean slope below {least:g} degrees"
        if field_slope > 0:
            judged[FIELD.name] = f"candidates with a mean slope below {field_slope:g} degrees, {FIELD_RULE}"
        return dict(self.masks.rules) | judged

    def pixel_count(self) -> int:
        """Count the pixels that are to be mapped."""
        return sum(int(self.mask(block).sum()) for block in split_blocks(self.region, self.settings.block_px))

    @property
    def threshold(self) -> float:
        """The threshold of the settings, or the detector's: of change, where there are two dates."""
        own = self.detector.card.threshold if self.pair is None else self.change.threshold
        return own if self.settings.threshold is None else self.settings.threshold

    @property
    def raster_identity(self) -> dict[str, object]:
        """Everything that the probability raster depends on, with the blocks in which it is made."""
        area = hashlib.sha256(self.area.pixels.wkb).hexdigest() if self.area else None
        change: dict[str, object] = {"change": self._change_identity} if self.pair else {}
        # What is not the default, so that the identity of other maps stays the same from version to version.
        changed = {
            name: value
            for name in ("tile_px", "streams", "batch")
            if (value := getattr(self.settings, name)) is not None
        }
        return (
            change
            | changed
            | {
                "landslip": landslip.__version__,
                "scene": self.scene.identity,
                "region": [self.region.row, self.region.col, self.region.height, self.region.width],
                "area": area,
                "detector_sha256": self.detector.sha256_in(self.engine.precision),
                "engine": [self.engine.name, self.engine.version, self.engine.precision],
                "uncertainty": self.settings.uncertainty,
                "overlap_px": self.lattice.overlap,
                "block_px": self.settings.block_px,
                "masks": self.masks.identity,
            }
        )

    @property
    def _change_identity(self) -> dict[str, object]:
        known = self.pair.identity if self.pair else None
        precision = {"precision": self.change_engine.precision} if self.change_engine else {}
        return (known or {}) | self.change.identity | precision | {"masks_before": self.before_masks.identity}

    @property
    def resumable(self) -> bool:
        """Whether unfinished work can be told from that on other images: not where one is in memory only."""
        return bool(self.scene.identity) and (self.pair is None or self.pair.identity is not None)

    @property
    def identity(self) -> dict[str, object]:
        """Everything that the map depends on."""
        return self.raster_identity | {
            "name": self.scene.name,
            "threshold": self.threshold,
            "min_area_m2": self.settings.min_area_m2,
            "min_slope_deg": self.settings.min_slope_deg,
            "field_slope_deg": self.settings.field_slope_deg,
        }

    @property
    def digest(self) -> str:
        """A sha256 over everything that changes the content of the map; empty where the scene is in memory."""
        content = {name: value for name, value in self.identity.items() if name != "block_px"}
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest() if self.resumable else ""


def _check_before(pair: ScenePair, channels: Sequence[str], purpose: str) -> None:
    """Check that every image before has the spectral channels of a detector; terrain is that of the image after.

    Raises:
        ChannelError: one lacks a channel.
    """
    spectral = [name for name in channels if CHANNELS[name].kind == "reflectance"]
    for member in pair.before.members:
        member.scene.require(spectral, purpose)


def _instead(scene: Scene) -> str:
    """Return what to do where a scene lacks channels, with the packaged detectors that do without them."""
    fitting = [name for name in packaged() if scene.has(Detector.open(name).card.channels)]
    others = f", or use a packaged detector that needs no more: {', '.join(fitting)}" if fitting else ""
    return f"add the missing files, name the bands{others}"
