"""The pydantic base of cards and records."""

from pydantic import BaseModel, ConfigDict


class FrozenRecord(BaseModel):
    """A frozen model that refuses unknown keys, NaN and infinity."""

    def __str__(self) -> str:
        # Pydantic's own lists every field, also where a class has a shorter representation.
        return repr(self)

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
