"""[graph_app.NAME] and [psa.NAME]: how the vendors are reached. Frozen, secrets masked."""

from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from worker.configuration.service import Section
from worker.configuration.values import File, Guid, Secret, Text, Url


class Cloud(NamedTuple):
    """One Microsoft cloud's two hosts."""

    login_url: str
    graph_host: str


# learn.microsoft.com/graph/deployments, read 2026-11-22
CLOUDS = {
    "global": Cloud("https://login.microsoftonline.com", "https://graph.microsoft.com"),
    "us_gov_l4": Cloud("https://login.microsoftonline.us", "https://graph.microsoft.us"),
    "us_gov_l5": Cloud("https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
    "china": Cloud("https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
}
AUTOTASK_ZONE_URL = "https://webservices.autotask.net/atservicesrest/v1.0/zoneInformation"


class GraphApp(Section):
    """An app registration: one multi-tenant app, or one per customer."""

    client_id: Guid = Field(description="The application (client) id.")
    client_secret: Secret | None = Field(None, description="Its secret; or use a certificate.")
    certificate_file: File | None = Field(None, description="Its certificate (PEM), with private_key_file.")
    private_key_file: File | None = Field(None, description="The certificate's private key (PEM).")
    cloud: Literal["global", "us_gov_l4", "us_gov_l5", "china"] = Field("global", description="The Microsoft cloud.")
    login_url: Url = Field("", description="Where tokens are asked for; default: the cloud's.")
    graph_url: Url = Field("", description="Graph's address with its version; default: the cloud's.")
    scope: Text = Field("", description="What tokens are asked for; default: the cloud's, whatever the addresses.")
    ca_file: File | None = Field(None, description="Authorities to trust instead of the public ones (PEM).")

    @model_validator(mode="before")
    @classmethod
    def fill_cloud(cls, values: Any) -> Any:
        """Take from the cloud what is not said."""
        if not isinstance(values, dict):
            return values
        cloud = CLOUDS.get(str(values.get("cloud", "global")), CLOUDS["global"])
        filled = {
            "login_url": cloud.login_url,
            "graph_url": f"{cloud.graph_host}/v1.0",
            "scope": f"{cloud.graph_host}/.default",
        }
        return {**filled, **values}

    @model_validator(mode="after")
    def check_credential(self) -> Self:
        """Want exactly one credential."""
        files = (self.certificate_file, self.private_key_file)
        if any(files) and not all(files):
            raise ValueError("certificate_file and private_key_file belong together")
        if bool(self.client_secret) == all(files):
            raise ValueError("set either client_secret, or certificate_file and private_key_file")
        return self


class _Psa(Section):
    identity: ClassVar[tuple[str, ...]] = ()
    """The keys that say which installation this is, whatever the credentials."""

    ca_file: File | None = Field(None, description="Authorities to trust instead of the public ones (PEM).")
    requests_per_minute: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Our share of the PSA's limit; default: one that leaves room for other tools."
    )
    entra_id_field: Text | None = Field(
        None, description="Where the object id is kept: a field's name or a custom field's caption; default: by kind."
    )


class ConnectwisePsa(_Psa):
    """A ConnectWise PSA; codebase and path are found."""

    identity: ClassVar = ("site_url", "company")

    kind: Literal["connectwise"] = Field(description="The vendor.")
    site_url: Url = Field(description="Scheme and host, like https://api-na.myconnectwise.net.")
    company: Text = Field(description="The company id that one logs in with.")
    public_key: Text = Field(description="The API member's public key.")
    private_key: Secret = Field(description="The API member's private key.")
    client_id: Secret = Field(description="The integration's client id, sent with every call.")


class AutotaskPsa(_Psa):
    """An Autotask PSA; its zone is found."""

    identity: ClassVar = ("zone_url",)

    kind: Literal["autotask"] = Field(description="The vendor.")
    zone_url: Url = Field(AUTOTASK_ZONE_URL, description="Where the zone is asked for.")
    username: Text = Field(description="The API user's name.")
    secret: Secret = Field(description="The API user's secret.")
    integration_code: Secret = Field(description="The API tracking identifier.")
    contact_type_field: Text | None = Field(
        None, description="The user-defined list field of contacts that holds psa_contact_type; they have no type else."
    )


class HaloPsa(_Psa):
    """A HaloPSA."""

    identity: ClassVar = ("resource_url", "tenant")

    kind: Literal["halo"] = Field(description="The vendor.")
    resource_url: Url = Field(description="The resource server, like https://x.halopsa.com/api.")
    auth_url: Url = Field(description="The authorisation server, like https://x.halopsa.com/auth.")
    tenant: Text | None = Field(None, description="The tenant; hosted installations only.")
    client_id: Text = Field(description="The API application's client id.")
    client_secret: Secret = Field(description="The API application's secret.")
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
    fires_automations: bool = Field(
        default=True, description="Whether Halo's own automations see our changes; false asks it to keep quiet."
    )

    @model_validator(mode="after")
    def check_contact_types(self) -> Self:
        """Want the contact types and their field together."""
        if bool(self.contact_type_field) != bool(self.contact_types):
            raise ValueError("contact_type_field and contact_types belong together")
        return self


AnyPsa = ConnectwisePsa | AutotaskPsa | HaloPsa
Psa = Annotated[AnyPsa, Field(discriminator="kind")]
PSA_KINDS: dict[str, type[AnyPsa]] = {
    "connectwise": ConnectwisePsa,
    "autotask": AutotaskPsa,
    "halo": HaloPsa,
}


def identity_keys(section: type[Section]) -> frozenset[str]:
    """Name the keys that tell one installation from another: no credential, so a rotated key changes nothing."""
    return frozenset(("kind", *section.identity, "entra_id_field")) if issubclass(section, _Psa) else frozenset()


def psa_identity(document: dict[str, Any]) -> dict[str, Any]:
    """Return what tells this installation from another."""
    return {key: document.get(key) for key in identity_keys(PSA_KINDS[document["kind"]])}
