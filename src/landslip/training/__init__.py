"""From labelled patches to a detector (extra `train`)."""
