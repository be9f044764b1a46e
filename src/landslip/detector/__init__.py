"""A detector: its card, its sealed ONNX file, its out-of-distribution statistics, and the packaged detectors."""
