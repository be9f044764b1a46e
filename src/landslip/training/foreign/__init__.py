"""Detectors of weights that others trained: read, matched name by name, exported, checked, sealed."""
