"""What goes into a run: the specified inputs, checked before anything runs."""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, StringConstraints

from adapters.records import Record

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def _unique(names: object) -> object:
    if not isinstance(names, list | tuple):
        return names
    return tuple({str(name).strip().casefold(): name for name in names}.values())


def _names_something(listed: str) -> str:
    if not any(part.strip() for part in listed.split(",")):
        raise ValueError("names nothing: give one name, or several separated by commas, or leave it out")
    return listed


Listed = Annotated[Text, AfterValidator(_names_something)]
"""One name, or several separated by commas."""


class SyncRequest(Record):
    """The inputs of a run, all optional, with the specified names, types and defaults; anything else is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    sync_mode: Literal["full", "incremental"] = "incremental"
    company_id: Text | None = None
    department_filter: Listed | None = None
    office_location_filter: Listed | None = None
    user_principal_names: Annotated[tuple[Text, ...], BeforeValidator(_unique)] = ()
    skip_disabled_users: bool = True
    update_existing: bool = True
    dry_run: bool = False

    @classmethod
    def from_run(cls, request: dict[str, Any]) -> Self:
        """Read back a request that a run carries as JSON."""
        return cls.model_validate_json(json.dumps(request))

    @property
    def is_targeted(self) -> bool:
        """Tell a run for named users from one over the tenant."""
        return bool(self.user_principal_names)

    @property
    def is_narrowed(self) -> bool:
        """Tell a run that may not move the delta link, because it does not look at everybody or everything."""
        return self.is_targeted or self.is_restricted

    @property
    def is_restricted(self) -> bool:
        """Tell a run after which a user may still need what a run without these inputs would do for it."""
        return (
            self.company_id is not None
            or self.department_filter is not None
            or self.office_location_filter is not None
            or not self.update_existing
        )
