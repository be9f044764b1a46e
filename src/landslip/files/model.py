"""The pydantic bases of cards, records and recipes."""

from pydantic import BaseModel, ConfigDict


class FrozenRecord(BaseModel):
    """A frozen model that refuses unknown keys, NaN and infinity."""

    def __str__(self) -> str:
        # Pydantic's own lists every field, also where a class has a shorter representation.
        return repr(self)

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Frozen(FrozenRecord):
    """A frozen record whose fields are described by the docstrings under them, which recipes show as comments.

    Their extraction reads source code: 0.2 s for the records of a map, which therefore do without.
    """

    model_config = ConfigDict(use_attribute_docstrings=True)
