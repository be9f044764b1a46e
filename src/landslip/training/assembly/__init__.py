"""From a trained network to a sealed detector: export, calibration, measured scores."""
