"""The training loop on Lightning: optimisation, validation, checkpoints, logs."""
