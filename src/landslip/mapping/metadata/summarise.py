"""Making the record of a map: what was found, how, and what to beware of."""

import platform
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import rasterio

import landslip
from landslip.grid.map_grid import MapGrid
from landslip.mapping.domain_shift import warnings_of
from landslip.mapping.inventory.find import Found
from landslip.mapping.job import Job
from landslip.mapping.metadata.summary import (
    SENTINEL_ATTRIBUTION,
    FamiliarityRecord,
    SceneRecord,
    SettingsRecord,
    Summary,
)
from landslip.mapping.workspace import sha256_of

_VERSIONED = ("numpy", "rasterio", "shapely", "pyproj", "geopandas")


@dataclass(frozen=True, slots=True)
class Effort:
    """What the raster took to make."""

    started: float
    """When the run began, by ``time.perf_counter``."""
    network_s: float
    resumed: bool


def summarise(job: Job, found: Found, effort: Effort, known: FamiliarityRecord | None = None) -> Summary:
    """Put together the summary of a map whose files are still to be listed."""
    card = job.detector.card
    pixels = job.pixels()
    return Summary(
        landslides=len(found.areas_m2),
        landslide_area_m2=float(found.areas_m2.sum()),
        observed_share=found.observed_px / max(pixels, 1),
        observed_area_m2=found.observed_area_m2,
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
        warnings=(*job.scene.warnings, *_warnings(job, found), *(warnings_of(known, card) if known else ())),
        scene=SceneRecord(
            name=job.scene.name,
            date=job.scene.date,
            crs=_crs_text(job.grid),
            height=job.region.height,
            width=job.region.width,
            transform=tuple(job.grid.transform)[:6],
            pixel_size_m=job.grid.pixel_size_m,
            sources={name: layer.describe() for name, layer in job.scene.layers.items()},
            identity=job.scene.identity,
        ),
        settings=SettingsRecord(
            min_area_m2=job.settings.min_area_m2,
            tile_px=max(job.lattice.tile_height, job.lattice.tile_width),
            overlap_px=job.lattice.overlap,
            block_px=job.settings.block_px,
            aoi=job.aoi.text if job.aoi else None,
            precision=job.engine.precision,
            threads=job.settings.threads,
            uncertainty=job.settings.uncertainty,
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
        familiarity=known,
    )


def with_files(summary: Summary, paths: Iterable[Path]) -> Summary:
    """The summary with more files listed."""
    return summary.model_copy(update={"files": summary.files | {path.name: sha256_of(path) for path in paths}})


def finished(summary: Summary, effort: Effort) -> Summary:
    """The summary with time and memory taken now, at the very end."""
    return summary.model_copy(
        update={"wall_s": perf_counter() - effort.started, "peak_rss_mb": peak_rss_mb(), "created": datetime.now(UTC)}
    )


def _warnings(job: Job, found: Found) -> list[str]:
    warnings = []
    card = job.detector.card
    size_m = sum(job.grid.pixel_size_m) / 2
    if found.observed_px == 0:
        warnings.append("nothing of this scene was observed, so nothing can be said about landslides in it")
    if not 2 / 3 <= size_m / card.pixel_size_m <= 3 / 2:
        warnings.append(
            f"pixels measure {size_m:.3g} m, but detector '{card.name}' was trained at {card.pixel_size_m:g} m: "
            "expect it to be less accurate than its card says"
        )
    if not job.scene.georeferenced:
        warnings.append(
            "outlines are in pixel coordinates (column, row), and areas follow the pixel size that was given"
        )
    return warnings


def _crs_text(grid: MapGrid) -> str | None:
    if grid.crs is None:
        return None
    authority = grid.crs.to_authority()
    return ":".join(authority) if authority else str(grid.crs.to_wkt())


def peak_rss_mb() -> float | None:
    """The most resident memory that this process has held at once, in MB; None where the system does not say."""
    # Linux: the figure of getrusage is inherited from the process that started this one, this one is not.
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
