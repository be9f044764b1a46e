"""Recovery of the scenes that patches were cut from."""
