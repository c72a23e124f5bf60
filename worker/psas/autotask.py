"""kind = "autotask": its settings, and the adapter that is made of them."""

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from adapters.autotask import Access, AutotaskContacts, FieldSettings
from tasks.default_mappings import default_mapping
from worker.configuration import Parts, PsaContacts, PsaKind, PsaSection
from worker.configuration.values import Secret, Text, Url

ZONE_URL = "https://webservices.autotask.net/atservicesrest/v1.0/zoneInformation"
AT_ONCE = 2  # of an object; the vendor counts 3
LINGER_S = 0.2  # it counts a request a little beyond its answer


class AutotaskPsa(PsaSection):
    """An Autotask PSA; its zone is found."""

    kind: Literal["autotask"] = Field(description="The vendor.")
    zone_url: Url = Field(ZONE_URL, description="Where the zone is asked for.")
    username: Text = Field(description="The API user's name.")
    secret: Secret = Field(description="The API user's secret.")
    integration_code: Secret = Field(description="The API tracking identifier.")
    hour_percent: Annotated[int, Field(ge=1, le=100)] = Field(
        50, description="How far all integrations together may use up the hour's calls before we stop for a while."
    )
    contact_type_field: Text | None = Field(
        None, description="The user-defined list field of contacts that holds psa_contact_type; they have no type else."
    )


def build(psa: AutotaskPsa, parts: Parts) -> PsaContacts:
    """Return the adapter of these settings."""
    access = Access(
        zone_url=psa.zone_url,
        username=psa.username,
        secret=psa.secret.get_secret_value(),
        integration_code=psa.integration_code.get_secret_value(),
    )
    settings = FieldSettings(contact_type_field=psa.contact_type_field)
    if psa.entra_id_field:
        settings = replace(settings, entra_id_field=psa.entra_id_field)
    counted_by = (access.zone_url, access.integration_code)
    slots = parts.slots(most=AT_ONCE, linger_s=LINGER_S, counted_by=counted_by)
    return AutotaskContacts(
        access,
        client=parts.client,
        budget=parts.budget,
        slots=slots,
        settings=settings,
        hour_share=psa.hour_percent / 100,
        observer=parts.observer,
    )


KIND = PsaKind(
    settings=AutotaskPsa,
    build=build,
    default_mapping=default_mapping("autotask"),
    identity=("zone_url",),
    addresses=("zone_url",),
    calls_per_minute=83.0,  # half of 10,000 an hour
)
