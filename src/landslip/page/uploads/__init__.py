"""Uploads of users: received, checked and read."""
