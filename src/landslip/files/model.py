"""The pydantic bases of recipes, cards and records."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A frozen model that refuses unknown keys, NaN and infinity.

    The docstring under a field is its description, which recipes show as a comment.
    """

    def __str__(self) -> str:
        # Pydantic's own lists every field, also where a class has a shorter representation.
        return repr(self)

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class FrozenRecord(Frozen):
    """The same without descriptions, whose extraction from the source code costs a map a tenth of a second."""

    model_config = ConfigDict(use_attribute_docstrings=False)
