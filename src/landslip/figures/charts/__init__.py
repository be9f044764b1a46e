"""Charts of evaluation and studies."""
