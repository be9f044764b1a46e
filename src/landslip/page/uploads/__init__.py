"""Uploads of visitors: received, checked and read."""
