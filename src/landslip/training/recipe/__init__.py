"""The training recipe: every setting of a run in one validated YAML file."""
