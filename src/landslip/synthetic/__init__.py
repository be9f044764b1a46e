"""Simulated terrain, scenes and landslides with known truth, for tests, tutorials and scale."""
