"""kind = "connectwise": its settings, and the adapter that is made of them."""

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from adapters.connectwise import Access, ConnectWiseContacts, FieldSettings
from tasks.default_mappings import default_mapping
from worker.configuration import Parts, PsaContacts, PsaKind, PsaSection
from worker.configuration.values import Secret, Text, Url

LimitedField = Literal[
    "first_name",
    "last_name",
    "job_title",
    "email",
    "phone",
    "mobile_phone",
    "address_line1",
    "address_line2",
    "city",
    "state",
    "zip",
]


class ConnectwisePsa(PsaSection):
    """A ConnectWise PSA; codebase and path are found."""

    kind: Literal["connectwise"] = Field(description="The vendor.")
    site_url: Url = Field(description="Scheme and host, like https://api-na.myconnectwise.net.")
    company: Text = Field(description="The company id that one logs in with.")
    public_key: Text = Field(description="The API member's public key.")
    private_key: Secret = Field(description="The API member's private key.")
    client_id: Secret = Field(description="The integration's client id, sent with every call.")
    api_version: Text | None = Field(
        None, description='The release whose answers are asked for, like "2026.4"; default: the newest.'
    )
    communication_types: dict[Literal["email", "phone", "mobile_phone"], Text] = Field(
        default_factory=dict,
        description="Your names of the communication types for these fields; default: found by their usual names.",
    )
    max_lengths: dict[LimitedField, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict,
        description="How long these contact fields may be, where your release has other lengths than 30, 30, 50, 250.",
    )


def build(psa: ConnectwisePsa, parts: Parts) -> PsaContacts:
    """Return the adapter of these settings."""
    access = Access(
        site_url=psa.site_url,
        company=psa.company,
        public_key=psa.public_key,
        private_key=psa.private_key.get_secret_value(),
        client_id=psa.client_id.get_secret_value(),
        api_version=psa.api_version,
    )
    settings = FieldSettings(
        communication_types=dict(psa.communication_types),
        max_lengths={str(name): length for name, length in psa.max_lengths.items()},
    )
    if psa.entra_id_field:
        settings = replace(settings, entra_id_field=psa.entra_id_field)
    return ConnectWiseContacts(
        access, client=parts.client, budget=parts.budget, settings=settings, observer=parts.observer
    )


KIND = PsaKind(
    settings=ConnectwisePsa,
    build=build,
    default_mapping=default_mapping("connectwise"),
    identity=("site_url", "company"),
    addresses=("site_url",),
    calls_per_minute=300.0,  # of 1,000
)
