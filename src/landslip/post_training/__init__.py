"""Detectors from detectors, on ONNX graphs and without PyTorch: calibration, ensembles, adaptation."""
