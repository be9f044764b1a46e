"""A whole set of patches in one folder, in 16 bits without loss, mapped into memory: a patch is read by touching it."""

from landslip.patches.store.reading import PatchStore, open_store

__all__ = ["PatchStore", "open_store"]
