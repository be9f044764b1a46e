"""A merged inventory as files: GeoPackage with all layers, GeoParquet, a STAC collection of the maps, and a record."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Final

import geopandas as gpd
import pyogrio

import landslip
from landslip.errors import OutputError
from landslip.files.atomic import atomic_folder, atomic_path
from landslip.files.model import Frozen
from landslip.files.path_names import check_path_name
from landslip.files.progress import Progress, no_progress
from landslip.mapping.inventory.attributes import COLUMNS
from landslip.mapping.inventory.files import EXCLUDED_LAYER, LAYER, append_to_geopackage, chunks, write_geoparquet
from landslip.mapping.merging.collection import COLLECTION, stac_collection
from landslip.mapping.merging.duplicates import MIN_OVERLAP
from landslip.mapping.merging.merge import ADDED, Merged, merge_tables
from landslip.mapping.merging.observed import observed_areas
from landslip.mapping.merging.sources import MapSource, find_maps
from landslip.mapping.products import GEOPACKAGE, GEOPARQUET

OBSERVED_LAYER: Final = "observed"
RECORD: Final = "inventory.json"
_FILE_ENDINGS: Final = (".gpkg", ".parquet")


class InventoryRecord(Frozen):
    """The content of ``inventory.json``."""

    landslip: str
    created: datetime
    maps: tuple[str, ...]
    """Names of the maps, as in the column ``sources``."""
    landslides: int
    landslide_area_m2: float
    merged: int
    """Landslides that several maps show."""
    excluded: int
    """Candidates that masks rule out; they are not landslides of the inventory."""
    crs: str
    min_overlap: float
    min_area_m2: float
    rule: str
    attribution: tuple[str, ...]


@dataclass(frozen=True)
class Inventory:
    """A merged inventory on disk."""

    path: Path
    """The folder, or the single file."""
    record: InventoryRecord

    @cached_property
    def landslides(self) -> gpd.GeoDataFrame:
        """The landslides, read on first use."""
        if self.path.suffix == ".parquet":
            return gpd.read_parquet(self.path)
        return pyogrio.read_dataframe(self.path / GEOPACKAGE if self.path.is_dir() else self.path, layer=LAYER)

    def __repr__(self) -> str:
        return f"Inventory('{self.path}', maps={len(self.record.maps)}, landslides={self.record.landslides})"


def merge_inventories(
    maps: Sequence[Path],
    out: Path,
    *,
    min_overlap: float = MIN_OVERLAP,
    min_area_m2: float = 0.0,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> Inventory:
    """Merge finished maps into one inventory and write it.

    Args:
        maps: folders of maps, or folders that hold folders of maps.
        out: a folder for all files, or a file ``.gpkg`` or ``.parquet``.
        min_overlap: fraction of the smaller polygon from which polygons of different maps are one landslide.
        min_area_m2: smaller landslides are left out, after polygons are joined.
        overwrite: replace an earlier result.
        progress: told of progress.

    Raises:
        ReferenceDataError: a folder holds no map, or a map cannot be read or has no CRS.
        SettingsError: a setting lies outside what is allowed.
        OutputError: the result cannot be written.
    """
    check_path_name(out, OutputError, "out", forbidden="!")
    single = out.suffix.lower() in _FILE_ENDINGS
    if single and out.exists() and not overwrite:
        raise OutputError(f"{out} exists: give another file, or allow it to be overwritten", parameter="overwrite")
    progress("merging", 0, 3)
    sources = find_maps(maps)
    merged = merge_tables(sources, min_overlap=min_overlap, min_area_m2=min_area_m2)
    progress("merging", 1, 3)
    observed = observed_areas(sources, merged.crs)
    progress("merging", 2, 3)
    record = _record(sources, merged, min_overlap, min_area_m2)
    if single:
        with atomic_path(out, overwrite=overwrite) as unfinished:
            geopackage = unfinished.with_name(f"{unfinished.name}.gpkg")
            try:
                _write_geopackage(geopackage, merged, observed)
                if out.suffix.lower() == ".gpkg":
                    geopackage.replace(unfinished)
                else:
                    _write_parquet(unfinished, geopackage)
            finally:
                geopackage.unlink(missing_ok=True)
    else:
        with atomic_folder(out, overwrite=overwrite, last=RECORD) as folder:
            _write_geopackage(folder / GEOPACKAGE, merged, observed)
            _write_parquet(folder / GEOPARQUET, folder / GEOPACKAGE)
            collection = stac_collection(sources, out, record.created, record.landslides, record.attribution)
            (folder / COLLECTION).write_text(json.dumps(collection, indent=2) + "\n", encoding="utf-8")
            (folder / RECORD).write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
    progress("merging", 3, 3)
    return Inventory(out, record)


def _write_geopackage(path: Path, merged: Merged, observed: gpd.GeoDataFrame) -> None:
    tables = {LAYER: merged.landslides, EXCLUDED_LAYER: merged.excluded, OBSERVED_LAYER: observed}
    for layer, table in tables.items():
        if table is None:
            continue
        append_to_geopackage(path, table.iloc[:0], layer)
        for rows in chunks(range(len(table))):
            append_to_geopackage(path, table.iloc[rows[0] : rows[-1] + 1], layer)


def _write_parquet(path: Path, geopackage: Path) -> None:
    write_geoparquet(path, geopackage, columns=COLUMNS | ADDED)


def _record(sources: Sequence[MapSource], merged: Merged, min_overlap: float, min_area_m2: float) -> InventoryRecord:
    table, authority = merged.landslides, merged.crs.to_authority()
    lines = [line for source in sources for line in source.summary.attribution]
    return InventoryRecord(
        landslip=landslip.__version__,
        created=datetime.now(UTC),
        maps=tuple(source.name for source in sources),
        landslides=len(table),
        landslide_area_m2=float(table["area_m2"].sum()),
        merged=int((table["n_maps"] > 1).sum()),
        excluded=0 if merged.excluded is None else len(merged.excluded),
        crs=":".join(authority) if authority else merged.crs.to_wkt(),
        min_overlap=min_overlap,
        min_area_m2=min_area_m2,
        rule=f"polygons of different maps that overlap by at least {min_overlap:.0%} of the smaller are one landslide, "
        "and those that touch where maps are parts of one scene; its outline is their union",
        attribution=tuple(dict.fromkeys(lines)),
    )
