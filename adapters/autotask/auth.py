"""Who we are to Autotask: three headers on every call of a zone; and which zone may have them."""

import re
from collections.abc import Generator
from dataclasses import dataclass, field
from ipaddress import ip_address

import httpx

ZONE_URL = "https://webservices.autotask.net/atservicesrest/v1.0/zoneInformation"
VENDOR_DOMAIN = ".autotask.net"
PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._-]*)*")  # read alike by all


@dataclass(frozen=True)
class Access:
    """The door of one database and its keys; the user must hold an "API User (API-only)" licence."""

    username: str = field(repr=False)
    secret: str = field(repr=False)
    integration_code: str = field(repr=False)
    zone_url: str = ZONE_URL  # where it is asked in which zone the user lives


class AutotaskAuth(httpx.Auth):
    """Signs with the user, its secret and the tracking identifier (autotask.net, "Authentication", read 2026-11-24)."""

    def __init__(self, access: Access) -> None:
        """Prepare the headers; nothing is sent."""
        self._headers = {
            "UserName": access.username,
            "Secret": access.secret,
            "ApiIntegrationCode": access.integration_code,
        }

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the headers."""
        request.headers.update(self._headers)
        yield request


def is_trusted(zone: str, *, zone_url: str) -> bool:
    """Tell whether a zone may have our secrets: by TLS, on the host that told it or on another one of the vendor.

    A host of our own choice (a sandbox) leads only to itself, and to plain http only if it is asked that way itself."""
    if PLAIN_URL.fullmatch(zone) is None:
        return False
    try:
        told, asked = httpx.URL(zone), httpx.URL(zone_url)
    except httpx.InvalidURL:
        return False
    is_local = _is_this_machine(told.host) and _is_this_machine(asked.host)
    if is_local or (told.host == asked.host and told.port in {asked.port, None}):
        return told.scheme in {"https", asked.scheme} and told.scheme in {"https", "http"}
    is_vendors = told.host.endswith(VENDOR_DOMAIN) and asked.host.endswith(VENDOR_DOMAIN)
    return is_vendors and told.scheme == "https" and told.port is None


def _is_this_machine(host: str) -> bool:
    """Tell the names of the loopback: an emulation may be asked by the one and answer with the other."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
