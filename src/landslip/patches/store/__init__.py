"""A whole set of patches in one folder, in 16 bits without loss, mapped into memory: a patch is read by touching it."""
