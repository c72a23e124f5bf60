"""Who we are to ConnectWise: Basic authentication and the integration's client id."""

import base64
from collections.abc import Generator
from dataclasses import dataclass, field

import httpx

API_PATH = "/apis/3.0/"


@dataclass(frozen=True)
class Access:
    """The door of one installation and its keys. `site_url` is scheme and host; the cloud's hosts begin with `api-`."""

    site_url: str
    company: str  # the MSP's own login company
    public_key: str = field(repr=False)
    private_key: str = field(repr=False)
    client_id: str = field(repr=False)
    api_version: str | None = None  # as "2026.4"; None takes the newest: an own server may not know ours


class ConnectWiseAuth(httpx.Auth):
    """Signs API calls with `{company}+{public key}:{private key}` and `clientId`, and nothing but API calls.

    The look-up of the codebase is asked before it is known where the API lives; it carries no secret
    (developer.connectwise.com, "Developer Guide", Authentication, ClientIds and Versioning, read 2026-11-24).
    """

    def __init__(self, access: Access) -> None:
        """Prepare the headers; nothing is sent."""
        user = f"{access.company}+{access.public_key}:{access.private_key}"
        self._headers = {
            "Authorization": "Basic " + base64.b64encode(user.encode()).decode(),
            "clientId": access.client_id,
        }
        if access.api_version:
            self._headers["Accept"] = f"application/vnd.connectwise.com+json; version={access.api_version}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the headers."""
        if API_PATH in request.url.path:
            request.headers.update(self._headers)
        yield request
