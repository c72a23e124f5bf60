"""Graph's JSON as it comes, by Graph's names. Users stay raw: in a model, absent and null would look alike."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

VENDOR = "graph"


class Wire(BaseModel):
    """Unknown keys are Graph's right; wrong types are not."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class WirePage(Wire):
    """A page of users or of changes."""

    value: list[dict[str, Any]]
    next_link: str | None = Field(default=None, alias="@odata.nextLink", min_length=1)
    delta_link: str | None = Field(default=None, alias="@odata.deltaLink", min_length=1)


class WireDomain(Wire):
    """A domain that the tenant has proved to own."""

    name: str
    is_default: bool = Field(default=False, alias="isDefault")


class WireOrganization(Wire):
    """The tenant itself."""

    id: str
    display_name: str | None = Field(default=None, alias="displayName")
    verified_domains: list[WireDomain] | None = Field(default=None, alias="verifiedDomains")


class WireOrganizations(Wire):
    """The list that Graph makes of the one tenant."""

    value: list[WireOrganization] = Field(min_length=1)
