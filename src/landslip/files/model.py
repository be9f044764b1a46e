"""The base of every section of a recipe: it cannot be changed, and a key it does not know is an error."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A small frozen value that refuses unknown keys; a docstring under a field is its comment in a shown recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)
