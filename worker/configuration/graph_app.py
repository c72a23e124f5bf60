"""[graph_app.NAME]: how Microsoft 365 is reached. Frozen, secrets masked."""

from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from worker.configuration.service import Section
from worker.configuration.values import Expiry, File, Guid, Secret, Text, Url


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


class GraphApp(Section):
    """An app registration: one multi-tenant app, or one per customer."""

    client_id: Guid = Field(description="The application (client) id.")
    client_secret: Secret | None = Field(None, description="Its secret; or use a certificate.")
    client_secret_expires: Expiry | None = Field(
        None, description='The day on which the secret ends, like "2027-03-31": Graph does not tell us. Told before.'
    )
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
