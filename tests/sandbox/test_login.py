"""The token endpoint, asked by MSAL and by hand."""

from pathlib import Path
from typing import Any

import msal
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.sandbox.harness import SCOPE, Sandbox


def app(sandbox: Sandbox, credential: Any, *, tenant: str = "", client_id: str = "") -> Any:
    first = sandbox.tenants[0]
    session = requests.Session()
    session.verify = sandbox.info["ca_file"]
    session.trust_env = False
    return msal.ConfidentialClientApplication(
        client_id or first["client_id"],
        authority=f"{sandbox.info['login_url']}/{tenant or first['tenant_id']}",
        client_credential=credential,
        instance_discovery=False,
        http_client=session,
    )


def test_msal_gets_a_token_for_a_secret(sandbox: Sandbox) -> None:
    result = app(sandbox, sandbox.tenants[0]["client_secret"]).acquire_token_for_client([SCOPE])
    assert result["token_type"] == "Bearer"
    assert result["expires_in"] == 3599
    assert result["token_source"] == "identity_provider"


@pytest.mark.parametrize("kind", ["sha1", "sha1 with x5c", "sha256"])
def test_msal_gets_a_token_for_a_certificate(sandbox: Sandbox, kind: str) -> None:
    first = sandbox.tenants[0]
    public = Path(first["certificate_file"]).read_text(encoding="ascii")
    credential = {"private_key": Path(first["private_key_file"]).read_text(encoding="ascii")}
    if kind != "sha256":
        credential["thumbprint"] = thumbprint(public)
    if kind != "sha1":
        credential["public_certificate"] = public
    assert "access_token" in app(sandbox, credential).acquire_token_for_client([SCOPE])


def thumbprint(pem: str) -> str:
    return x509.load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA1()).hex()  # noqa: S303 - x5t is SHA-1 by definition


def test_an_unknown_certificate_is_refused(sandbox: Sandbox) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    known = thumbprint(Path(sandbox.tenants[0]["certificate_file"]).read_text(encoding="ascii"))
    result = app(sandbox, {"private_key": pem, "thumbprint": known}).acquire_token_for_client([SCOPE])
    assert (result["error"], result["error_codes"]) == ("invalid_client", [700027])


def test_one_app_registration_serves_every_tenant(sandbox: Sandbox) -> None:
    shared = sandbox.info["multi_tenant_app"]
    for tenant in sandbox.tenants:
        client = app(sandbox, shared["client_secret"], tenant=tenant["tenant_id"], client_id=shared["client_id"])
        assert "access_token" in client.acquire_token_for_client([SCOPE])


def test_msal_says_that_a_tenant_is_unknown(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="Unable to get authority configuration"):
        app(sandbox, "x", tenant="99999999-0000-4000-8000-000000000000")


@pytest.mark.parametrize(
    ("change", "status", "error", "number"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": "old~sandbox.Secret-0000"}, 401, "invalid_client", 7000222),
        ({"client_secret": ""}, 401, "invalid_client", 7000218),
        ({"client_id": "11111111-0000-4000-8000-000000000000"}, 400, "unauthorized_client", 700016),
        ({"scope": "https://graph.microsoft.com/User.Read.All"}, 400, "invalid_scope", 1002012),
        ({"scope": "https://vault.example/.default"}, 400, "invalid_resource", 500011),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
    ],
)
def test_a_wrong_request_gets_its_status_and_number(
    sandbox: Sandbox, *, change: dict[str, str], status: int, error: str, number: int
) -> None:
    first = sandbox.tenants[0]
    form = {"client_id": first["client_id"], "client_secret": first["client_secret"], **change}
    answer = sandbox.ask_token(first["tenant_id"], **form)
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (status, error, [number])
    assert body["error_description"].startswith(f"AADSTS{number}: ")
    assert {"timestamp", "trace_id", "correlation_id"} <= body.keys()


def test_credentials_may_come_as_basic_authentication(sandbox: Sandbox) -> None:
    first = sandbox.tenants[0]
    url = f"/{first['tenant_id']}/oauth2/v2.0/token"
    form = {"grant_type": "client_credentials", "scope": SCOPE}
    answer = sandbox.http.post(url, data=form, auth=(first["client_id"], first["client_secret"]))
    assert answer.status_code == 200


def test_an_app_can_lose_its_secret_its_place_and_its_tenant(sandbox: Sandbox) -> None:
    first = sandbox.tenants[0]
    form = {"client_id": first["client_id"], "client_secret": first["client_secret"]}
    sandbox.mutate({"op": "graph.set_app", "secret_expired": True})
    assert sandbox.ask_token(first["tenant_id"], **form).json()["error_codes"] == [7000222]
    sandbox.mutate({"op": "graph.set_app", "enabled": False})
    assert sandbox.ask_token(first["tenant_id"], **form).status_code == 400
    sandbox.mutate({"op": "graph.set_tenant", "exists": False})
    assert sandbox.http.get(f"/{first['tenant_id']}/v2.0/.well-known/openid-configuration").status_code == 400


def test_a_token_reads_its_own_tenant_only(sandbox: Sandbox) -> None:
    for number, tenant in enumerate(sandbox.tenants):
        assert sandbox.graph("/organization", tenant=number).json()["value"][0]["id"] == tenant["tenant_id"]


def test_roles_are_those_consented_to_when_the_token_was_issued(sandbox: Sandbox) -> None:
    sandbox.mutate({"op": "graph.set_app", "roles": []})
    sandbox.token()
    sandbox.mutate({"op": "graph.set_app", "roles": ["User.Read.All"]})
    denied = sandbox.graph("/users")
    assert (denied.status_code, denied.json()["error"]["code"]) == (403, "Authorization_RequestDenied")


def test_a_token_ends_with_its_time_or_when_it_is_revoked(sandbox: Sandbox) -> None:
    assert sandbox.graph("/users?$top=1").status_code == 200
    tenant = sandbox.tenants[0]["tenant_id"]
    sandbox.control("POST", "advance-clock", {"seconds": 3700, "tenant": tenant})
    ended = sandbox.graph("/users?$top=1")
    assert ended.status_code == 401
    assert "expired" in ended.json()["error"]["message"]
    assert sandbox.graph("/users?$top=1", tenant=1).status_code == 200
    sandbox.mutate({"op": "graph.revoke_tokens", "tenant": sandbox.tenants[1]["tenant_id"]})
    assert sandbox.graph("/users?$top=1", tenant=1).status_code == 401


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer abc", "Bearer a.b.c", "Basic eA=="])
def test_a_bad_token_is_challenged(sandbox: Sandbox, authorization: str) -> None:
    answer = sandbox.http.get("/v1.0/users", headers={"Authorization": authorization} if authorization else {})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer realm=")
