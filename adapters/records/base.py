"""The root of every record."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen value that refuses unknown names; two records with equal fields are equal."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
