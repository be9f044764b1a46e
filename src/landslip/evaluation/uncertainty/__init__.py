"""Whether a detector knows where it is wrong."""
