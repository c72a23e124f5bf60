"""The root of the PSAs' wire shapes, and how an answer is read as one: leniently, and never quoted.

What vendors vary is forgiven here, for all of them: unknown names, null, empty and absent, numbers in quotes. What a
shape cannot do without is an error, never a guess.
"""

from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from adapters.answers import request_id
from adapters.errors import WireError


class Wire(BaseModel):
    """The root of every shape; what it refuses is never quoted, it may be personal."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        coerce_numbers_to_str=True,
        hide_input_in_errors=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, value: Any) -> Any:
        """Take null and empty text for absent: vendors send the one or the other for a number or a flag too."""
        return (
            {name: part for name, part in value.items() if part is not None and part != ""}
            if isinstance(value, dict)
            else value
        )


Shape = TypeVar("Shape", bound=Wire)


def parse_part(response: httpx.Response, part: Any, shape: type[Shape], *, vendor: str) -> Shape:
    """Read a part of an answer as this shape. Raises WireError(unknown_shape), without the part."""
    try:
        return shape.model_validate(part)
    except ValidationError:  # not chained: it carries the body
        raise unknown_shape(response, vendor=vendor) from None


def unknown_shape(response: httpx.Response, *, vendor: str) -> WireError:
    """Say that an answer is none that we know."""
    return WireError("unknown_shape", vendor=vendor, status=response.status_code, request_id=request_id(response))
