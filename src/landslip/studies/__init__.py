"""Studies that need many runs: cross-validation, ablation, stress tests, physics terms (extra `train`)."""

import landslip.training  # noqa: F401 - checks the extra before a module below imports PyTorch
