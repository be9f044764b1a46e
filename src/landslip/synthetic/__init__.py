"""Simulated terrain, scenes and landslides with known labels, for tests, tutorials and scaling."""
