"""The training loop, on Lightning: learns from one part of the patches, keeps the epoch that does best on another."""
