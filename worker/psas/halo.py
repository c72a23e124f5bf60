"""kind = "halo": its settings, and the adapter that is made of them."""

from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from adapters.halo import Access, FieldSettings, HaloContacts
from adapters.halo.layout import layout_of
from tasks.default_mappings import default_mapping
from worker.configuration import Parts, PsaContacts, PsaKind, PsaSection
from worker.configuration.values import Secret, Text, Url


class HaloPsa(PsaSection):
    """A HaloPSA."""

    kind: Literal["halo"] = Field(description="The vendor.")
    resource_url: Url = Field(description="The resource server, like https://x.halopsa.com/api.")
    auth_url: Url = Field(description="The authorisation server, like https://x.halopsa.com/auth.")
    tenant: Text | None = Field(None, description="The tenant; hosted installations only.")
    client_id: Text = Field(description="The API application's client id.")
    client_secret: Secret = Field(description="The API application's secret.")
    scope: Text = Field("all", description="What is asked for at the login; some applications may not have all.")
    mobile_field: Literal["mobilenumber2", "mobilenumber"] = Field(
        "mobilenumber2", description="Which field holds the mobile number; compare with what your screens show."
    )
    users_report: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="The id of a Halo report of all users that shows id, azureoid, email2, email3, isimportantcontact2"
        " and what else is mapped; with it a full run need not read each user by itself.",
    )
    contact_type_field: Text | None = Field(
        None, description="A custom field of users that holds psa_contact_type, like CFContactType; default: none."
    )
    contact_types: tuple[Text, ...] = Field((), description="The values that contact_type_field may take.")
    max_lengths: dict[Text, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict, description="How long contact fields may be, by our names; Halo tells no lengths."
    )
    fires_automations: bool = Field(
        default=True, description="Whether Halo's own automations see our changes; false asks it to keep quiet."
    )

    @model_validator(mode="after")
    def check_contact_types(self) -> Self:
        """Want the contact types and their field together."""
        if bool(self.contact_type_field) != bool(self.contact_types):
            raise ValueError("contact_type_field and contact_types belong together")
        return self

    @model_validator(mode="after")
    def check_max_lengths(self) -> Self:
        """Want names of fields that Halo has."""
        known = layout_of(FieldSettings()).text_fields
        if unknown := [name for name in self.max_lengths if name not in known]:
            raise ValueError(f"max_lengths has no {', '.join(unknown)}; its fields are {', '.join(known)}")
        return self


def build(psa: HaloPsa, parts: Parts) -> PsaContacts:
    """Return the adapter of these settings."""
    access = Access(
        resource_url=psa.resource_url,
        auth_url=psa.auth_url,
        tenant=psa.tenant,
        client_id=psa.client_id,
        client_secret=psa.client_secret.get_secret_value(),
        scope=psa.scope,
    )
    settings = FieldSettings(
        mobile_field=psa.mobile_field,
        contact_type_field=psa.contact_type_field,
        contact_types=psa.contact_types,
        users_report=psa.users_report,
        max_lengths={**psa.max_lengths},
        fires_automations=psa.fires_automations,
    )
    if psa.entra_id_field:
        settings = replace(settings, entra_id_field=psa.entra_id_field)
    return HaloContacts(access, client=parts.client, budget=parts.budget, settings=settings, observer=parts.observer)


KIND = PsaKind(
    settings=HaloPsa,
    build=build,
    default_mapping=default_mapping("halo"),
    identity=("resource_url", "tenant"),
    addresses=("resource_url", "auth_url"),
    calls_per_minute=80.0,  # 400 of 700 in 5 minutes
)
