"""Accuracy of a detector on labelled patches and of a finished map against a reference."""
