"""Landslide4Sense from where it is published: listed, downloaded, verified, unpacked."""
