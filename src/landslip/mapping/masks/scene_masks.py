"""The masks of a scene, as settings ask for them: one code for each pixel, the same in any window."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from landslip.errors import SettingsError
from landslip.grid.alignment import ground_resolution_m
from landslip.grid.map_grid import MapGrid
from landslip.grid.neighbourhoods import grow, is_near, project, remove_narrow, remove_noise
from landslip.grid.window import Window
from landslip.inference.cloud_network import PIXEL_SIZES_M, CloudNetwork, find_network
from landslip.inference.s2cloudless import CHANNELS as S2CLOUDLESS_CHANNELS
from landslip.inference.s2cloudless import S2Cloudless
from landslip.mapping.masks.clouds import ClassifiedClouds, CloudSource, LatticeClouds
from landslip.mapping.masks.excluded_area import ExcludedArea
from landslip.mapping.masks.hidden_ground import HiddenGround
from landslip.scenes.atmosphere import convert_to_toa
from landslip.scenes.inspection import find_level, sample_scene
from landslip.scenes.masks.classification import SHADOW_CLASSES, SNOW_CLASSES, Classification
from landslip.scenes.masks.kinds import (
    AREA,
    CLOUDS,
    OF_ONE_DATE,
    PRECEDENCE,
    RIVER,
    SHADOW,
    SNOW,
    VEGETATION,
    WATER,
    WHITE,
    MaskName,
)
from landslip.scenes.masks.spectral import VEGETATION_NDVI, is_dark, is_snow, is_vegetation, is_water
from landslip.scenes.scene import Scene

CloudChoice = Literal["auto", "scl", "network", "s2cloudless"]
"""``auto``: the scene classification where the scene has one, else a network."""

BUFFER_M: Final = 240.0
"""Default width of the buffer around clouds: their edges are thin, and wisps lie around them."""
REACH_M: Final = 1500.0
"""Greatest distance, along rows and columns, of a shadow from its cloud where the sun is unknown, and of a narrow cloud
from a wider one."""
CLOUD_HEIGHT_M: Final = 4000.0
"""Greatest height of a cloud above the ground, for its shadow where the sun is known."""
_FARTHEST_M: Final = 6000.0
"""Greatest length of a shadow, however low the sun."""
NARROW_CLOUD_M: Final = 120.0
"""Clouds narrower than this count near wider ones only: alone they are mostly roofs and bare rock, and the buffer would
make them large."""
_NARROW_PX: Final = 2
"""Dark ground narrower than five pixels, as rivers and roads are, is no shadow of a cloud."""
RIVER_REACH_M: Final = 150.0
"""Farthest distance of a river bar from water, along rows and columns."""
RIVER_SLOPE_DEG: Final = 5.0
"""River bars are flatter; the deposit of a landslide that reached the river mostly is not."""
_GENTLE_WATER_DEG: Final = 10.0
"""Water is flat; errors of elevation make it steeper than it is."""


@dataclass(frozen=True, slots=True, eq=False)
class SceneMasks:
    """The masks of a scene that are applied to a map."""

    scene: Scene
    rules: Mapping[str, str]
    """Source and rule of each mask that is applied, by its name."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Why a mask that hides the ground cannot be computed for this scene."""
    classification: Classification | None = None
    clouds: CloudSource | None = None
    area: ExcludedArea | None = None
    shadow_px: tuple[float, float] | None = None
    """Rows and columns from a cloud to its farthest shadow; None where the sun is unknown."""
    converted: Scene | None = None
    """The scene at the top of the atmosphere, where vegetation is masked in surface reflectance."""
    buffer_m: float = BUFFER_M
    hidden: HiddenGround | None = None
    """Of a composite."""

    @classmethod
    def of(
        cls,
        scene: Scene,
        names: Literal["auto"] | Sequence[MaskName],
        *,
        cloud_source: CloudChoice = "auto",
        buffer_m: float = BUFFER_M,
        area: ExcludedArea | None = None,
        white: str | None = None,
        hidden: HiddenGround | None = None,
    ) -> "SceneMasks":
        """Choose the masks of a scene and their sources.

        Args:
            scene: to mask.
            names: of the masks; ``auto`` for clouds, shadow and snow as far as the scene allows.
            cloud_source: where clouds are known from.
            buffer_m: width of the buffer around clouds.
            area: in which landslides are ruled out.
            white: rule of white ground, which a pair of dates tells; None for one date.
            hidden: of a composite: takes the place of clouds, shadow and snow in the scene.

        Raises:
            SettingsError: the scene lacks what a mask, or the source of clouds, needs.
            EngineError: a network cannot be run.
            MissingExtraError: the package of the source of clouds is not installed.
        """
        of_pair = (WHITE.name,) if white else ()
        of_one = tuple(kind.name for kind in OF_ONE_DATE)
        wanted = (*of_one, *of_pair) if names == "auto" else tuple(names)
        if hidden is not None:
            wanted = tuple(name for name in wanted if name not in of_one)
        classification = Classification.of(scene) if cloud_source in ("auto", "scl") else None
        rules: dict[str, str] = {}
        left_out: dict[str, str] = {}
        clouds: CloudSource | None = None
        if {CLOUDS.name, SHADOW.name} & set(wanted):
            found = _cloud_source(scene, classification, cloud_source)
            if isinstance(found, str):
                left_out |= {name: found for name in (CLOUDS.name, SHADOW.name) if name in wanted}
            else:
                clouds = found
        shadow_px = None if classification else _farthest_shadow_px(scene)
        for name in wanted:
            own = name == WHITE.name
            rule = white if own else _rule(name, scene, classification, clouds, shadow_px, buffer_m)
            if rule is not None:
                rules[name] = rule
            elif name not in left_out:
                left_out[name] = _NEEDS[name]
        if left_out and (names != "auto" or (cloud_source != "auto" and CLOUDS.name in left_out)):
            name, why = next(iter(left_out.items()))
            raise SettingsError(
                f"the mask '{name}' cannot be made for scene '{scene.name}': {why}; the scene has "
                f"{', '.join(scene.channels)}",
                parameter="cloud_source" if cloud_source != "auto" else "masks",
            )
        if hidden is not None:
            rules, left_out = dict(hidden.rules) | rules, dict(hidden.left_out)
        if area is not None:
            rules[AREA.name] = f"polygons of {area.text}"
        surface = VEGETATION.name in rules and _is_surface_reflectance(scene)
        return cls(
            scene,
            rules,
            left_out,
            classification,
            clouds,
            area,
            shadow_px,
            buffer_m=buffer_m,
            converted=convert_to_toa(scene) if surface else None,
            hidden=hidden,
        )

    def __bool__(self) -> bool:
        """Whether any mask is applied."""
        return bool(self.rules)

    @property
    def identity(self) -> dict[str, object]:
        """Everything besides the scene that the codes depend on."""
        of_composite = {"images": self.hidden.identity} if self.hidden else {}
        return {
            "rules": dict(self.rules),
            "clouds": self.clouds.version if self.clouds else None,
            "area": self.area.sha256 if self.area else None,
        } | of_composite

    @property
    def complete(self) -> bool:
        """Whether clouds and snow are masked, in every image of a composite."""
        return self.hidden.complete if self.hidden else {CLOUDS.name, SNOW.name} <= self.rules.keys()

    def codes(self, window: Window) -> NDArray[np.uint8]:
        """Return the code of the mask of each pixel (H, W) in a window, 0 where there is none.

        White ground has none here: it is the pair's. A pixel depends on scene and settings alone, not on the window.

        Raises:
            SceneError: the scene cannot be read.
        """
        codes = np.zeros(window.shape, np.uint8)
        if not self:
            return codes
        masks: dict[str, NDArray[np.bool_]] = {}
        if self.clouds is not None:
            masks |= self._clouds_and_shadow(window)
        if SNOW.name in self.rules and self.hidden is None:
            masks[SNOW.name] = self._snow(window)
        if WATER.name in self.rules:
            masks[WATER.name] = self._water(window)
        if RIVER.name in self.rules:
            masks[RIVER.name] = self._river_bars(window)
        if VEGETATION.name in self.rules:
            masks[VEGETATION.name] = self._vegetation(window)
        if self.area is not None:
            masks[AREA.name] = self.area.mask(window)
        for kind in reversed(PRECEDENCE):
            if kind.name in masks and kind.name in self.rules:
                codes[masks[kind.name]] = kind.code
        if self.hidden is not None:
            hidden = self.hidden.codes(window)
            codes = np.where(hidden, hidden, codes)
        return codes

    def _clouds_and_shadow(self, window: Window) -> dict[str, NDArray[np.bool_]]:
        """Return the clouds with their buffer, and their shadow."""
        pixel_m = ground_resolution_m(self.scene.geobox)
        buffer_px = math.ceil(self.buffer_m / pixel_m)
        if self.classification is not None:
            around = self._around(window, buffer_px)
            clouds = grow(self._find_clouds(around), buffer_px)[window.relative_to(around).slices]
            shadow = np.isin(self.classification.read(window), SHADOW_CLASSES)
            return {CLOUDS.name: clouds, SHADOW.name: shadow}
        margin_px = 2 * _NARROW_PX + 1
        reach_px = math.ceil(REACH_M / pixel_m)
        if self.shadow_px is not None:
            reach_px = math.ceil(max(map(abs, self.shadow_px)))
        with_shadow = SHADOW.name in self.rules
        around = self._around(window, max(buffer_px + margin_px, (reach_px + margin_px) * with_shadow))
        raw = self._find_clouds(around)
        clouds = grow(raw, buffer_px)
        inner = window.relative_to(around).slices
        if not with_shadow or not raw.any():
            return {CLOUDS.name: clouds[inner], SHADOW.name: np.zeros(window.shape, np.bool_)}
        reached = is_near(raw, reach_px) if self.shadow_px is None else project(raw, *self.shadow_px)
        near = self._around(window, margin_px)
        zone = near.relative_to(around).slices
        (red, nir), valid = self.scene.read(["B04", "B08"], near)
        dark = is_dark(red, nir) & valid & reached[zone] & ~clouds[zone]
        shadow = grow(remove_narrow(dark, _NARROW_PX), 1)[window.relative_to(near).slices]
        return {CLOUDS.name: clouds[inner], SHADOW.name: shadow}

    def _find_clouds(self, window: Window) -> NDArray[np.bool_]:
        """Return the clouds in a window, without narrow ones that are alone; the same in any window."""
        if self.clouds is None:
            return np.zeros(window.shape, np.bool_)
        pixel_m = ground_resolution_m(self.scene.geobox)
        reach_px, narrow_px = math.ceil(REACH_M / pixel_m), math.floor(NARROW_CLOUD_M / 2 / pixel_m)
        around = self._around(window, reach_px + 2 * narrow_px)
        found = self.clouds.find(around)
        if not found.any():
            return np.zeros(window.shape, np.bool_)
        wide = remove_narrow(found, narrow_px)
        return (found & is_near(wide, reach_px))[window.relative_to(around).slices]

    def _snow(self, window: Window) -> NDArray[np.bool_]:
        if self.classification is not None:
            return np.isin(self.classification.read(window), SNOW_CLASSES)
        (green, nir, swir), valid = self.scene.read(["B03", "B08", "B11"], window)
        return is_snow(green, nir, swir) & valid

    def _water(self, window: Window) -> NDArray[np.bool_]:
        channels = ["B03", "B08", *(["B11"] if self.scene.has(["B11"]) else [])]
        (green, nir, *swir), valid = self.scene.read(channels, window)
        water = is_water(green, nir, swir[0] if swir else None) & valid
        if self.scene.has(["slope"]):
            (slope,), known = self.scene.read(["slope"], window)
            water &= ~known | (slope < _GENTLE_WATER_DEG)
        return water

    def _river_bars(self, window: Window) -> NDArray[np.bool_]:
        """Return the flat ground near water, water itself included."""
        pixel_m = ground_resolution_m(self.scene.geobox)
        reach_px = math.ceil(RIVER_REACH_M / pixel_m)
        around = self._around(window, reach_px + 1)
        # One or two dark pixels are mostly shade.
        near = is_near(remove_noise(self._water(around), 3), reach_px)[window.relative_to(around).slices]
        (slope,), known = self.scene.read(["slope"], window)
        return np.asarray(near & known & (slope < RIVER_SLOPE_DEG))

    def _vegetation(self, window: Window) -> NDArray[np.bool_]:
        (red, nir), valid = (self.converted or self.scene).read(["B04", "B08"], window)
        return is_vegetation(red, nir) & valid

    def _around(self, window: Window, margin_px: int) -> Window:
        """Return a window with a margin, as far as the scene reaches."""
        return window.expand(margin_px).intersection(self.scene.window) or window


_NEEDS: Final[Mapping[str, str]] = {
    "clouds": "it needs a scene classification (SCL), or B02, B03, B04 and B08",
    "shadow": "it needs a scene classification (SCL), or B02, B03, B04 and B08",
    "snow": "it needs a scene classification (SCL), or B03, B08 and B11",
    "white": "it compares two dates: give an image before the event, or use the mask 'clouds' or 'snow'",
    "water": "it needs B03 and B08",
    "river": "it needs B03, B08 and the slope or the elevation",
    "vegetation": "it needs B04 and B08",
}


def _cloud_source(scene: Scene, classification: Classification | None, choice: CloudChoice) -> CloudSource | str:
    """Return the source of clouds, or why there is none."""
    if classification is not None:
        return ClassifiedClouds(classification)
    if choice == "scl":
        return "the scene has no scene classification (SCL): give its file too, or use a network"
    return _s2cloudless(scene) if choice == "s2cloudless" else _network(scene)


def _s2cloudless(scene: Scene) -> CloudSource | str:
    if not scene.has(S2CLOUDLESS_CHANNELS):
        return f"s2cloudless needs Level-1C with {', '.join(S2CLOUDLESS_CHANNELS)}"
    finder = S2Cloudless()
    return LatticeClouds(scene, finder, f"s2cloudless {finder.version}", finder.version)


def _network(scene: Scene) -> CloudSource | str:
    network = find_network(scene)
    if network is None:
        return _NEEDS["clouds"]
    pixel_m, (finest, coarsest) = ground_resolution_m(scene.geobox), PIXEL_SIZES_M
    if not finest <= pixel_m <= coarsest:
        return (
            f"the networks for clouds work at pixel sizes of {finest:g} to {coarsest:g} m, not at {pixel_m:.3g} m: "
            "give the scene classification (SCL) too"
        )
    rule = f"network {network.name} on {', '.join(network.channels)}"
    return LatticeClouds(scene, CloudNetwork(network), rule, network.sha256)


def _rule(
    name: str,
    scene: Scene,
    classification: Classification | None,
    clouds: CloudSource | None,
    shadow_px: tuple[float, float] | None,
    buffer_m: float,
) -> str | None:
    """Return the rule of a mask in words; None where the scene lacks what it needs."""
    rule: str | None = None
    if name == CLOUDS.name and clouds is not None:
        rule = f"{clouds.rule}, with a buffer of {buffer_m:g} m"
    elif name == SHADOW.name and clouds is not None:
        rule = "scene classification (SCL) 3" if classification else _shadow_rule(sun_known=shadow_px is not None)
    elif name == SNOW.name and classification is not None:
        rule = "scene classification (SCL) 11"
    elif name == SNOW.name and scene.has(["B03", "B08", "B11"]):
        rule = "NDSI above 0.4, B08 above 0.11, B03 above 0.10"
    elif name == WATER.name and scene.has(["B03", "B08"]):
        swir = ", MNDWI above 0, B11 below 0.05" if scene.has(["B11"]) else ""
        slope = f", slope below {_GENTLE_WATER_DEG:g} degrees" if scene.has(["slope"]) else ""
        rule = f"NDWI above 0{swir}{slope}"
    elif name == RIVER.name and scene.has(["B03", "B08", "slope"]):
        rule = (
            f"slope below {RIVER_SLOPE_DEG:g} degrees within {RIVER_REACH_M:g} m of water by the rule of the mask water"
        )
    elif name == VEGETATION.name and scene.has(["B04", "B08"]):
        rule = f"NDVI above {VEGETATION_NDVI:g} at the top of the atmosphere"
    return rule


def _is_surface_reflectance(scene: Scene) -> bool:
    """Return whether a scene is Level-2A by its product, its names or its values, and was not converted."""
    if scene.to_toa:
        return False
    values, valid = sample_scene(scene)
    return find_level(scene, values[:, valid])[0] == "L2A"


def _shadow_rule(*, sun_known: bool) -> str:
    where = (
        f"where clouds up to {CLOUD_HEIGHT_M / 1000:g} km high cast their shadow, by the sun angles"
        if sun_known
        else f"within {REACH_M / 1000:g} km of a cloud, as the sun is unknown"
    )
    return f"B08 below 0.15 and B04 below 0.05 {where}"


def _farthest_shadow_px(scene: Scene) -> tuple[float, float] | None:
    """Return rows and columns from a cloud of the greatest height to its shadow; None where the sun is unknown."""
    product = scene.product
    if product is None or product.sun_zenith_deg is None or product.sun_azimuth_deg is None:
        return None
    if not (0 <= product.sun_zenith_deg < 90 and scene.georeferenced):
        return None
    length_m = min(CLOUD_HEIGHT_M * math.tan(math.radians(product.sun_zenith_deg)), _FARTHEST_M)
    away = math.radians(product.sun_azimuth_deg + 180)
    grid = MapGrid.of(scene.geobox, scene.window)
    across, down = grid.pixel_vectors_m(np.array([[scene.width / 2, scene.height / 2]]))
    to_ground = np.column_stack([across[0], down[0]])
    if not np.isfinite(to_ground).all() or abs(np.linalg.det(to_ground)) < 1e-9:
        return None
    right, below = np.linalg.solve(to_ground, length_m * np.array([math.sin(away), math.cos(away)]))
    return float(below), float(right)
