"""The summary of a map, ``summary.json``: results, settings, versions, file hashes and warnings."""

import platform
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final, Literal

import rasterio
from pydantic import ConfigDict, Field

import landslip
from landslip.change.pair import ScenePair
from landslip.files.model import FrozenRecord
from landslip.grid.map_grid import MapGrid
from landslip.mapping.change.record import ChangeRecord, ImageRecord, record_change, record_images
from landslip.mapping.domain_shift import DomainShift, domain_shift_warnings, unsure_warnings
from landslip.mapping.job import Job
from landslip.mapping.workspace import sha256_of
from landslip.scenes.masks.kinds import HIDING, OF_CANDIDATES, PRECEDENCE

if TYPE_CHECKING:
    from landslip.mapping.inventory.find import Found  # imports pandas, which is slow

SENTINEL_ATTRIBUTION: Final = "Contains modified Copernicus Sentinel data"
_LEAST_COVER: Final = 0.99
"""Fraction of an area of interest that the scene may leave out without a remark."""
_WARN_HIDDEN: Final = 0.05
"""Fraction of the mapped pixels that are hidden by masks."""
_VERSIONED: Final = ("numpy", "rasterio", "shapely", "pyproj", "geopandas")


class _Record(FrozenRecord):
    """A model that allows NaN, because the pixel size of a scene may be undefined."""

    model_config = ConfigDict(allow_inf_nan=True)


class SceneRecord(_Record):
    """The scene that was mapped."""

    name: str
    date: datetime | None
    """The latest of a composite; None where one is unknown."""
    crs: str | None
    """Authority code or WKT; None for an image without a CRS."""
    height: int
    width: int
    transform: tuple[float, float, float, float, float, float]
    pixel_size_m: tuple[float, float]
    """Width and height of a pixel at the centre."""
    sources: dict[str, str]
    """Source of each channel, and why it was chosen."""
    identity: str
    images: tuple[ImageRecord, ...] = ()
    """Of a composite, the one that gave the grid first; empty for one image."""

    @property
    def dates(self) -> tuple[datetime | None, ...]:
        """The date of the image, or of each image of a composite."""
        return tuple(image.date for image in self.images) or (self.date,)


class SettingsRecord(_Record):
    """The settings of the run, as resolved."""

    min_area_m2: float
    tile_px: int
    overlap_px: int
    block_px: int
    aoi: str | None
    precision: str
    threads: int | None
    streams: int | None = None
    """Images that OpenVINO computed at the same time; None for one a thread."""
    batch: int | None = None
    """Images in one call of the network; None for one."""
    uncertainty: str = "none"
    """``tta``: the second band of the probability raster is its standard deviation over four flips of the image."""
    masks_left_out: dict[str, str] = Field(default_factory=dict)
    """Masks of what hides the ground that this scene does not allow, and why."""
    exclude: str | None = None
    """The area in which landslides are ruled out, as given."""
    min_slope_deg: float = 0.0
    field_slope_deg: float = 0.0


class MaskRecord(_Record):
    """A mask that was applied."""

    name: str
    effect: Literal["nodata", "excluded"]
    """``nodata``: it hides the ground. ``excluded``: it rules landslides out; candidates are in the layer so named."""
    rule: str
    """Source and rule."""
    pixels: int
    """Of the mask, as far as no mask before it has them; for ``slope`` and ``field`` of the candidates ruled out."""
    area_m2: float
    candidates: int = 0
    """Candidates that it rules out."""
    candidate_area_m2: float = 0.0


class Summary(_Record):
    """The content of ``summary.json``."""

    landslides: int
    landslide_area_m2: float
    valid_fraction: float
    """Fraction of the mapped pixels that are valid."""
    valid_area_m2: float
    threshold: float
    detector: str
    detector_sha256: str
    engine: str
    engine_version: str
    wall_s: float
    """Seconds of this process; in a resumed run without the time of earlier processes."""
    network_s: float
    """Seconds of ``wall_s`` spent in the network."""
    peak_rss_mb: float | None
    resumed: bool
    pixels: int
    warnings: tuple[str, ...]
    scene: SceneRecord
    settings: SettingsRecord
    versions: dict[str, str]
    created: datetime
    files: dict[str, str]
    """SHA-256 of each file of the map."""
    attribution: tuple[str, ...]
    identity: str = ""
    """A sha256 over all that the map depends on: input files, options, detector, engine and settings."""
    mean_probability: float | None = None
    """Of the landslides, weighted by area; None where there is none."""
    domain_shift: DomainShift | None = None
    """None where the card has no training statistics."""
    masks: tuple[MaskRecord, ...] = ()
    """In the order in which they apply: a pixel counts for the first."""
    change: ChangeRecord | None = None
    """None in a map of one date."""

    def __repr__(self) -> str:
        return (
            f"Summary(scene='{self.scene.name}', detector='{self.detector}', landslides={self.landslides}, "
            f"landslide_area_m2={self.landslide_area_m2:.0f}, valid_fraction={self.valid_fraction:.3g})"
        )


@dataclass(frozen=True, slots=True)
class Effort:
    """The time spent on the probability raster."""

    started: float
    """Start of the run, by ``time.perf_counter``."""
    network_s: float
    resumed: bool


def summarise(job: Job, found: "Found", effort: Effort, shift: DomainShift | None = None) -> Summary:
    """Build the summary of a map, without its files."""
    card = job.detector.card
    pixels = job.pixel_count()
    return Summary(
        landslides=len(found.areas_m2),
        landslide_area_m2=float(found.areas_m2.sum()),
        valid_fraction=found.valid_px / max(pixels, 1),
        valid_area_m2=found.valid_area_m2,
        threshold=job.threshold,
        detector=card.name,
        detector_sha256=job.detector.sha256,
        engine=job.engine.name,
        engine_version=job.engine.version,
        wall_s=perf_counter() - effort.started,
        network_s=effort.network_s,
        peak_rss_mb=peak_rss_mb(),
        resumed=effort.resumed,
        pixels=pixels,
        warnings=(
            *job.scene.warnings,
            *(_pair_warnings(job.pair) if job.pair else ()),
            *(job.aoi.notes if job.aoi else ()),
            *(job.masks.area.notes if job.masks.area else ()),
            *_warnings(job, found),
            *(domain_shift_warnings(shift, card) if shift else ()),
            *_unsure(job, found, shift),
        ),
        scene=SceneRecord(
            name=job.scene.name,
            date=job.scene.date,
            crs=_crs_text(job.grid),
            height=job.region.height,
            width=job.region.width,
            transform=tuple(job.grid.transform)[:6],
            pixel_size_m=job.grid.pixel_size_m,
            sources=job.scene.origins(job.detector.card.channels),
            identity=job.scene.identity,
            images=record_images(job.after) if job.after else (),
        ),
        settings=SettingsRecord(
            min_area_m2=job.settings.min_area_m2,
            tile_px=max(job.lattice.tile_height, job.lattice.tile_width),
            overlap_px=job.lattice.overlap,
            block_px=job.settings.block_px,
            aoi=job.aoi.text if job.aoi else None,
            precision=job.engine.precision,
            threads=job.settings.threads,
            streams=job.settings.streams,
            batch=job.settings.batch,
            uncertainty=job.settings.uncertainty,
            masks_left_out=dict(job.masks.left_out),
            exclude=job.masks.area.text if job.masks.area else None,
            min_slope_deg=job.settings.min_slope_deg,
            field_slope_deg=job.settings.field_slope_deg,
        ),
        versions={
            "landslip": landslip.__version__,
            "python": platform.python_version(),
            "gdal": rasterio.__gdal_version__,
            **{name: version(name) for name in _VERSIONED},
        },
        created=datetime.now(UTC),
        files={},
        attribution=(SENTINEL_ATTRIBUTION, *(line for line in card.attribution if line != SENTINEL_ATTRIBUTION)),
        identity=job.digest,
        mean_probability=found.mean_probability,
        domain_shift=shift,
        masks=_mask_records(job, found),
        change=record_change(
            job.pair, job.change, job.before_masks.rules, card.threshold, (found.not_new.count, found.not_new.area_m2)
        )
        if job.pair
        else None,
    )


def _unsure(job: Job, found: "Found", shift: DomainShift | None) -> list[str]:
    """Return the warning of an unsure map; a map of two dates holds other probabilities than those of the card."""
    if job.pair:
        return []
    surface = shift is not None and shift.surface_reflectance
    return unsure_warnings(found.mean_probability, job.threshold, job.detector.card, surface_reflectance=surface)


def _pair_warnings(pair: ScenePair) -> tuple[str, ...]:
    """Return the warnings of a pair and of its scenes before the event."""
    scenes = (
        f"image before, '{member.scene.name}': {text}"
        for member in pair.before.members
        for text in member.scene.warnings
    )
    return (*pair.warnings, *scenes)


def _mask_records(job: Job, found: "Found") -> tuple[MaskRecord, ...]:
    records = []
    for kind in (*PRECEDENCE, *OF_CANDIDATES):
        if kind.name in job.rules:
            extent, excluded = found.masked.get(kind.name), found.excluded.get(kind.name)
            records.append(
                MaskRecord(
                    name=kind.name,
                    effect="nodata" if kind.hides else "excluded",
                    rule=job.rules[kind.name],
                    pixels=extent.pixels if extent else 0,
                    area_m2=extent.area_m2 if extent else 0.0,
                    candidates=excluded.count if excluded else 0,
                    candidate_area_m2=excluded.area_m2 if excluded else 0.0,
                )
            )
    return tuple(records)


def add_files(summary: Summary, paths: Iterable[Path]) -> Summary:
    """Return the summary with the hashes of more files."""
    return summary.model_copy(update={"files": summary.files | {path.name: sha256_of(path) for path in paths}})


def add_effort(summary: Summary, effort: Effort) -> Summary:
    """Return the summary with time and memory of the finished run."""
    return summary.model_copy(
        update={"wall_s": perf_counter() - effort.started, "peak_rss_mb": peak_rss_mb(), "created": datetime.now(UTC)}
    )


def _warnings(job: Job, found: "Found") -> list[str]:
    warnings = []
    card = job.detector.card
    size_m = sum(job.grid.pixel_size_m) / 2
    if found.valid_px == 0:
        warnings.append("no pixel of the mapped area is valid: the map holds no information about landslides")
    if job.area and job.aoi and job.area.fraction_inside < _LEAST_COVER:
        warnings.append(
            f"the scene covers {job.area.fraction_inside:.1%} of the area '{job.aoi.text}': nothing is known about "
            "landslides in the rest"
        )
    if not 2 / 3 <= size_m / card.pixel_size_m <= 3 / 2:
        warnings.append(
            f"the pixel size is {size_m:.3g} m, but detector '{card.name}' was trained at {card.pixel_size_m:g} m: "
            "expect lower accuracy than the scores on its card"
        )
    if not job.scene.georeferenced:
        warnings.append("the image has no CRS: polygons are in pixel coordinates (column, row)")
    hidden = [kind for kind in HIDING if kind.name in found.masked]
    fraction = sum(found.masked[kind.name].pixels for kind in hidden) / max(job.pixel_count(), 1)
    if fraction > _WARN_HIDDEN:
        warnings.append(
            f"{fraction:.0%} of the mapped area is hidden by "
            f"{' and '.join(kind.title for kind in hidden if found.masked[kind.name].pixels)}: nothing is known about "
            "landslides there"
        )
    return warnings


def _crs_text(grid: MapGrid) -> str | None:
    if grid.crs is None:
        return None
    authority = grid.crs.to_authority()
    return ":".join(authority) if authority else str(grid.crs.to_wkt())


def peak_rss_mb() -> float | None:
    """Return the peak resident memory of this process in MB; None where the system does not report it."""
    # Linux: getrusage also counts the parent process before exec; this file does not.
    status = Path("/proc/self/status")
    if status.exists():
        line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), None)
        if line:
            return int(line.split()[1]) * 1024 / 1e6
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ModuleNotFoundError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
