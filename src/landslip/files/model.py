"""The pydantic base of recipes, cards and records."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A frozen model that refuses unknown keys, NaN and infinity.

    The docstring under a field is its description, which recipes show as a comment.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)
