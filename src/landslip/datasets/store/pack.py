"""Packs a Landslide4Sense folder into a store, without loss: what is not whole numbers is refused, never rounded."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import landslip
from landslip.channels import CHANNELS
from landslip.datasets.check import CheckReport, check_l4s
from landslip.datasets.formats import MARK
from landslip.datasets.l4s import L4sEntry, L4sSet, open_l4s
from landslip.datasets.l4s_values import DIVISORS, L4S_CHANNELS, OFFSETS, SIDE_PX, pack_values
from landslip.datasets.manifest import Place
from landslip.datasets.patch_set import SPLITS, Split
from landslip.datasets.statistics import Watch
from landslip.datasets.store.format import HEADER, NOTICE, StoreEntry, StoreHeader
from landslip.datasets.store.reading import PatchStore, open_store
from landslip.datasets.store.writing import CHECKED, StoreWriter, crc32_of, publish, unfinished_store
from landslip.errors import OutputError, PatchesError, require_extra
from landslip.files.atomic import check_disk_space, write_text
from landslip.probability import LANDSLIDE

_TABLE_ROW_BYTES = 200


@dataclass(frozen=True, slots=True)
class Packed:
    """A finished store and how it came about."""

    store: PatchStore
    store_bytes: int
    resumed: int
    """Patches that an earlier run had packed; all of them where the store was there already."""

    @property
    def share(self) -> float:
        """Size of the store by that of the HDF5 files it was packed from."""
        return self.store_bytes / self.store.header.source_bytes


def pack_l4s(
    folder: Path,
    store: Path,
    *,
    places: Mapping[tuple[Split, int], Place] | None = None,
    leave_out: bool = False,
    overwrite: bool = False,
    watch: Watch | None = None,
) -> Packed:
    """Pack a Landslide4Sense folder of either layout; a run that was killed is gone on with.

    Args:
        folder: what to pack.
        store: folder of the store, which appears under this name when all of it is whole.
        places: scene, row and column by split and number; those of ``manifest.csv`` in the folder if left out.
        leave_out: pack the rest where patches are refused, and note them in the store.
        overwrite: replace another store of this name.
        watch: told what is being done and how far it is.

    Raises:
        PatchesError: the folder is no such set, or patches are refused; each is named.
        OutputError: the store is there already, cannot be written, or is being packed by another run.
        MissingExtraError: h5py is not installed.
    """
    require_extra("h5py", "train")
    patches = open_l4s(folder, places)
    identity = _identity(patches)
    if store.exists():
        if (there := _opened(store)) is not None and there.header.identity == identity:
            return Packed(there, _size_bytes(store), len(there))
        _check_may_replace(store, there, overwrite=overwrite)
    with unfinished_store(store, identity) as unfinished:
        report = _checked(folder, unfinished / CHECKED, watch)
        wanted = _without_refused(patches, report, leave_out=leave_out)
        resumed = _write(wanted, unfinished, watch)
        left_out = {entry.image for entry in patches.entries} - {entry.image for entry in wanted.entries}
        header = _header(wanted, report, left_out, identity)
        if (folder / MARK).is_file():
            shutil.copyfile(folder / MARK, unfinished / MARK)
        (unfinished / HEADER).write_text(header.model_dump_json(indent=1), encoding="utf-8")
        open_store(unfinished)
        publish(unfinished, store)
    return Packed(open_store(store), _size_bytes(store), resumed)


def _write(wanted: L4sSet, unfinished: Path, watch: Watch | None) -> int:
    """Write the arrays and the table; gives how many patches were there already."""
    values = np.empty((len(L4S_CHANNELS), SIDE_PX, SIDE_PX), np.float32)
    mask = np.empty((SIDE_PX, SIDE_PX), np.uint8)
    with StoreWriter(unfinished, len(wanted)) as writer:
        resumed = len(writer.entries)
        check_disk_space(unfinished.parent, (len(wanted) - resumed) * (values.size * 2 + mask.size + _TABLE_ROW_BYTES))
        for position in range(resumed, len(wanted)):
            wanted.fill(np.array([position]), values[None], mask[None])
            entry = wanted.entries[position]
            image = pack_values(values)
            row = StoreEntry(
                index=position,
                id=entry.id,
                split=entry.split,
                scene=entry.scene,
                row=entry.row,
                col=entry.col,
                landslide_px=None if entry.mask is None else int((mask == LANDSLIDE).sum()),
                image=entry.image.relative_to(wanted.folder).as_posix(),
                mask=None if entry.mask is None else entry.mask.relative_to(wanted.folder).as_posix(),
                crc32=crc32_of(image, mask),
            )
            writer.add(row, image, mask)
            if watch is not None:
                watch("packing", position + 1, len(wanted))
        writer.sync()
    return resumed


def _checked(folder: Path, note: Path, watch: Watch | None) -> CheckReport:
    """The check's report; that of a run that was killed is taken where it is there."""
    if note.exists():
        return CheckReport.model_validate_json(note.read_bytes())
    report = check_l4s(folder, watch)
    write_text(note, report.model_dump_json())
    return report


def _without_refused(patches: L4sSet, report: CheckReport, *, leave_out: bool) -> L4sSet:
    refused = report.refused
    if refused and not leave_out:
        named = "; ".join(f"{finding.file} {finding.text}" for finding in refused[:5])
        more = f"; and {len(refused) - 5} more files" if len(refused) > 5 else ""
        raise PatchesError(
            f"{len(refused)} files of {patches.folder} cannot be packed without loss: {named}{more}. "
            "Mend them, or leave their patches out with --leave-out"
        )
    out = {(finding.split, finding.id) for finding in refused}
    wanted = patches.where(lambda entry: (entry.split, entry.id) not in out)
    if not len(wanted):
        raise PatchesError(f"no patch of {patches.folder} can be used: see  landslip data check {patches.folder}")
    return wanted


def _header(wanted: L4sSet, report: CheckReport, left_out: set[Path], identity: str) -> StoreHeader:
    counts = Counter(entry.split for entry in wanted.entries)
    return StoreHeader(
        patches=len(wanted),
        side_px=SIDE_PX,
        channels=L4S_CHANNELS,
        units=tuple(CHANNELS[name].unit for name in L4S_CHANNELS),
        offsets=tuple(map(float, OFFSETS)),
        divisors=tuple(map(float, DIVISORS)),
        splits={split: counts[split] for split in SPLITS if counts[split]},
        left_out=tuple(sorted(path.relative_to(wanted.folder).as_posix() for path in left_out)),
        check=report,
        source_bytes=sum(path.stat().st_size for entry in wanted.entries for path in _paths(entry)),
        identity=identity,
        notice=NOTICE,
        landslip_version=landslip.__version__,
    )


def _paths(entry: L4sEntry) -> tuple[Path, ...]:
    return (entry.image,) if entry.mask is None else (entry.image, entry.mask)


def _identity(patches: L4sSet) -> str:
    """Changes with any file's name, size or time, with the places, and with the format."""
    text = hashlib.sha256(str(StoreHeader.model_fields["version"].default).encode())
    for entry in patches.entries:
        text.update(json.dumps([entry.split, entry.id, entry.scene, entry.row, entry.col]).encode())
        for path in _paths(entry):
            status = path.stat()
            text.update(json.dumps([path.name, status.st_size, status.st_mtime_ns]).encode())
    return text.hexdigest()


def _opened(store: Path) -> PatchStore | None:
    try:
        return open_store(store)
    except PatchesError:
        return None


def _check_may_replace(store: Path, there: PatchStore | None, *, overwrite: bool) -> None:
    if there is None and (not store.is_dir() or any(store.iterdir())):
        raise OutputError(f"{store} is there and is no store of patches: give another name for the store")
    if there is not None and not overwrite:
        raise OutputError(f"{store} is a store of other files or places: give another name, or --overwrite")


def _size_bytes(store: Path) -> int:
    return sum(path.stat().st_size for path in store.iterdir())
