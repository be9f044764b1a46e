"""Proves that a store gives back the HDF5 files it was packed from, bit for bit."""

import numpy as np

from landslip.errors import RunError
from landslip.patches.hdf5 import read_dataset
from landslip.patches.l4s import L4sSet
from landslip.patches.l4s_values import IMAGE, MASK, file_values
from landslip.patches.patch import NOT_OBSERVED
from landslip.patches.statistics import Watch
from landslip.patches.store.reading import PatchStore
from landslip.patches.store.writing import crc32_of


def verify_store(store: PatchStore, source: L4sSet, watch: Watch | None = None) -> int:
    """Compare every patch of a store with its files.

    Args:
        store: the store.
        source: the folder that it was packed from.
        watch: told how many patches are done.

    Returns:
        How many patches were compared: all of the store's.

    Raises:
        RunError: a patch differs by a bit, or a file has no patch that neither was left out.
        PatchesError: a file cannot be read.
    """
    by_name = {entry.image.relative_to(source.folder).as_posix(): entry for entry in source.entries}
    missing = set(by_name) - {entry.image for entry in store.entries} - set(store.header.left_out)
    if missing:
        raise RunError(f"{store.folder} lacks {len(missing)} patches, such as {min(missing)}: pack the set again")
    for done, entry in enumerate(store.entries, 1):
        files = by_name.get(entry.image)
        if files is None:
            raise RunError(f"{source.folder} has no {entry.image}, which {store.folder} was packed from")
        patch = store.read(entry)
        image = read_dataset(files.image, IMAGE)
        mask = np.full_like(patch.mask, NOT_OBSERVED) if files.mask is None else read_dataset(files.mask, MASK)
        same = file_values(patch.values).tobytes() == image.tobytes() and patch.mask.tobytes() == mask.tobytes()
        whole = crc32_of(store.images[entry.index], store.masks[entry.index]) == entry.crc32
        if not (same and whole):
            raise RunError(f"patch {entry.id} of {store.folder} differs from {entry.image}: pack the set again")
        if watch is not None:
            watch("verifying", done, len(store))
    return len(store)
