"""Patches: small labelled images, where the truth comes from."""
