"""Packing of a Landslide4Sense folder into a store, without loss: other values than integers are refused."""

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
from landslip.datasets.l4s import L4sEntry, L4sSet, open_l4s
from landslip.datasets.l4s_values import DIVISORS, L4S_CHANNELS, OFFSETS, SIDE_PX, pack_values
from landslip.datasets.manifest import Position
from landslip.datasets.patch_set import MARK, SPLITS, Split
from landslip.datasets.store.format import HEADER, NOTICE, StoreEntry, StoreHeader
from landslip.datasets.store.reading import PatchStore, open_store
from landslip.datasets.store.writing import CHECKED, StoreWriter, crc32_of, publish, unfinished_store
from landslip.errors import OutputError, PatchesError, require_extra
from landslip.files.atomic import check_disk_space, write_text
from landslip.files.progress import Progress, no_progress
from landslip.probability import LANDSLIDE

_TABLE_ROW_BYTES = 200


@dataclass(frozen=True, slots=True)
class Packed:
    """The result of ``pack_l4s``."""

    store: PatchStore
    store_bytes: int
    resumed: int
    """Number of patches that an earlier run had packed."""

    @property
    def size_ratio(self) -> float:
        """Size of the store over the size of its HDF5 files."""
        return self.store_bytes / self.store.header.source_bytes


def pack_l4s(
    folder: str | Path,
    store: str | Path,
    *,
    positions: Mapping[tuple[Split, int], Position] | None = None,
    leave_out: bool = False,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> Packed:
    """Pack a Landslide4Sense folder into a store; an interrupted run resumes.

    A store has a quarter of the size of the HDF5 files, gives back their values bit for bit, and is read many times
    faster.

    Args:
        folder: the folder with ``TrainData/`` ..., or with ``images/`` and ``annotations/``.
        store: folder of the store; it appears under this name once it is complete.
        positions: scene, row and column by split and number; by default those of ``manifest.csv`` in the folder.
        leave_out: leave out patches with faults, and list them in the store, instead of raising an error.
        overwrite: replace a store of other files.
        progress: told how many patches are checked and packed.

    Raises:
        PatchesError: the folder has another layout, or patches have faults.
        OutputError: the store exists, cannot be written, or is being packed by another run.
        MissingExtraError: h5py is not installed.

    Example:
        >>> packed = pack_l4s("data/l4s", "data/store")  # doctest: +SKIP
        >>> print(f"{len(packed.store)} patches, {packed.size_ratio:.0%} of the HDF5 files")  # doctest: +SKIP
    """
    folder, store = Path(folder), Path(store)
    require_extra("h5py", "train")
    patches = open_l4s(folder, positions)
    identity = _identity(patches)
    if store.exists():
        if (there := _open_if_store(store)) is not None and there.header.identity == identity:
            return Packed(there, _size_bytes(store), len(there))
        _check_may_replace(store, there, overwrite=overwrite)
    with unfinished_store(store, identity) as unfinished:
        report = _check_or_resume(folder, unfinished / CHECKED, progress)
        wanted = _without_refused(patches, report, leave_out=leave_out)
        resumed = _write(wanted, unfinished, progress)
        left_out = {entry.image for entry in patches.entries} - {entry.image for entry in wanted.entries}
        header = _header(wanted, report, left_out, identity)
        if (folder / MARK).is_file():
            shutil.copyfile(folder / MARK, unfinished / MARK)
        (unfinished / HEADER).write_text(header.model_dump_json(indent=1), encoding="utf-8")
        open_store(unfinished)
        publish(unfinished, store)
    return Packed(open_store(store), _size_bytes(store), resumed)


def _write(wanted: L4sSet, unfinished: Path, progress: Progress) -> int:
    """Write the arrays and the table, and return how many patches an earlier run had written."""
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
            progress("packing", position + 1, len(wanted))
        writer.sync()
    return resumed


def _check_or_resume(folder: Path, note: Path, progress: Progress) -> CheckReport:
    """Check the folder, unless an interrupted run has done so."""
    if note.exists():
        return CheckReport.model_validate_json(note.read_bytes())
    report = check_l4s(folder, progress)
    write_text(note, report.model_dump_json())
    return report


def _without_refused(patches: L4sSet, report: CheckReport, *, leave_out: bool) -> L4sSet:
    refused = report.refused
    if refused and not leave_out:
        named = "; ".join(f"{finding.file} {finding.text}" for finding in refused[:5])
        more = f"; and {len(refused) - 5} more files" if len(refused) > 5 else ""
        raise PatchesError(
            f"{len(refused)} files of {patches.folder} cannot be packed without loss ({named}{more}): repair them, or "
            "leave out their patches",
            parameter="leave_out",
        )
    out = {(finding.split, finding.id) for finding in refused}
    wanted = patches.where(lambda entry: (entry.split, entry.id) not in out)
    if not len(wanted):
        raise PatchesError(f"{patches.folder} has no usable patches: see  landslip data check")
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
    """Return a hash of names, sizes and times of the files, of the positions and of the format version."""
    text = hashlib.sha256(str(StoreHeader.model_fields["version"].default).encode())
    for entry in patches.entries:
        text.update(json.dumps([entry.split, entry.id, entry.scene, entry.row, entry.col]).encode())
        for path in _paths(entry):
            try:
                status = path.stat()
            except OSError as error:
                raise PatchesError(
                    f"{path} cannot be read: {error.strerror or error}; copy or download it again"
                ) from error
            text.update(json.dumps([path.name, status.st_size, status.st_mtime_ns]).encode())
    return text.hexdigest()


def _open_if_store(store: Path) -> PatchStore | None:
    try:
        return open_store(store)
    except PatchesError:
        return None


def _check_may_replace(store: Path, there: PatchStore | None, *, overwrite: bool) -> None:
    if there is None and (not store.is_dir() or any(store.iterdir())):
        raise OutputError(f"{store} exists and is not a store of patches: give another folder", parameter="store")
    if there is not None and not overwrite:
        raise OutputError(
            f"{store} is a store of other files or positions: give another folder, or allow overwriting",
            parameter="overwrite",
        )


def _size_bytes(store: Path) -> int:
    return sum(path.stat().st_size for path in store.iterdir())
