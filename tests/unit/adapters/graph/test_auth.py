import base64
import json
import os
import threading
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from adapters.errors import SyncError, TenantError, TransientError, WireError
from adapters.graph import CLOUDS, AppRegistration, Certificate
from tests.unit.adapters.graph.microsoft import APP, LOGIN, SECRET, TENANT, Microsoft, caught, graph_error, oauth_error


def test_nothing_is_asked_before_the_first_use_and_discovery_only_once() -> None:
    microsoft = Microsoft()
    directory = microsoft.directory()
    assert microsoft.requests == []

    directory.fetch_users()
    directory.fetch_users()

    assert [str(request.url) for request in microsoft.requests[:2]] == [
        f"{LOGIN}/{TENANT}/v2.0/.well-known/openid-configuration",
        f"{LOGIN}/{TENANT}/oauth2/v2.0/token",
    ]
    assert len(microsoft.requests) == 4
    assert microsoft.bearers == ["Bearer token1"] * 2


def test_the_token_request_names_app_secret_and_scope() -> None:
    microsoft = Microsoft()
    microsoft.tokens().fetch()

    form = microsoft.forms[0]
    assert form["client_id"] == [APP.client_id]
    assert form["client_secret"] == [SECRET]
    assert form["scope"] == ["https://graph.microsoft.com/.default"]
    assert form["grant_type"] == ["client_credentials"]


def test_many_threads_on_a_cold_app_ask_for_one_token() -> None:
    microsoft = Microsoft()
    tokens = microsoft.tokens()
    values: list[str] = []
    threads = [threading.Thread(target=lambda: values.append(tokens.fetch().value)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (set(values), microsoft.issued) == ({"token1"}, 1)


@pytest.mark.parametrize(
    ("status", "error", "code", "reason"),
    [
        (401, "invalid_client", 7000215, "secret_wrong"),
        (401, "invalid_client", 7000222, "secret_expired"),
        (401, "invalid_client", 700027, "certificate_refused"),
        (401, "invalid_client", 99, "credentials_refused"),
        (400, "unauthorized_client", 700016, "consent_missing"),
        (400, "unauthorized_client", 7000112, "app_disabled"),
        (400, "unauthorized_client", 99, "consent_missing"),
        (400, "invalid_request", 90002, "tenant_unknown"),
        (400, "invalid_request", 900382, "wrong_cloud"),
        (400, "invalid_scope", 99, "scope_refused"),
        (400, "invalid_grant", 53003, "conditional_access"),
        (400, "something_new", 99, "login_refused"),
    ],
)
def test_a_refused_login_is_the_tenants_error_and_says_why(status: int, error: str, code: int, reason: str) -> None:
    raised = caught(Microsoft(token=[oauth_error(status, error, code)]).tokens().fetch)

    assert isinstance(raised, TenantError)
    assert (raised.reason, raised.status, raised.vendor_code) == (reason, status, f"AADSTS{code}")


def test_the_number_is_read_from_the_text_where_it_is_not_listed() -> None:
    body = {
        "error": "invalid_client",
        "error_description": "AADSTS7000222: The provided client secret keys are expired.",
    }

    assert caught(Microsoft(token=[httpx.Response(401, json=body)]).tokens().fetch).reason == "secret_expired"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(429, headers={"Retry-After": "120"}),
        oauth_error(400, "temporarily_unavailable", 90033),
        oauth_error(400, "invalid_request", 50196),
        httpx.Response(400, html="<html>proxy</html>"),
        httpx.Response(407, text="proxy"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("place", ["discovery", "token"])
def test_what_passes_at_the_login_never_looks_like_a_dead_tenant(answer: httpx.Response, place: str) -> None:
    script = Microsoft()
    getattr(script, place).extend([answer] * 3)

    assert type(caught(script.tokens().fetch)) is TransientError


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.Response(503, html="<html>"),
        httpx.Response(500, json={"error": "temporarily_unavailable"}),
        httpx.Response(200, html="<html>captive portal</html>"),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("late"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("place", ["discovery", "token"])
def test_a_short_outage_of_the_login_is_waited_out(trouble: httpx.Response | Exception, place: str) -> None:
    script = Microsoft()
    getattr(script, place).extend([trouble, trouble])

    assert script.tokens().fetch().value == "token1"


def test_an_unknown_tenant_is_told_from_a_throttled_discovery() -> None:
    unknown = Microsoft(discovery=[oauth_error(400, "invalid_tenant", 90002)])
    odd = Microsoft(discovery=[oauth_error(400, "invalid_request")])

    assert caught(unknown.tokens().fetch).reason == "tenant_unknown"
    assert caught(odd.tokens().fetch).reason == "tenant_unknown"


def test_a_mended_secret_works_at_once() -> None:
    microsoft = Microsoft(token=[oauth_error(400, "unauthorized_client", 700016)])
    tokens = microsoft.tokens()
    assert isinstance(caught(tokens.fetch), TenantError)

    assert tokens.fetch().value == "token1"


@pytest.mark.parametrize(("retry_after", "shut_s"), [("120", 120.0), (None, 2.0), ("99999", 600.0)])
def test_a_login_in_trouble_is_left_alone_for_as_long_as_it_asks(retry_after: str | None, shut_s: float) -> None:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    microsoft = Microsoft(token=[httpx.Response(429, headers=headers)] * (1 if retry_after else 3))
    tokens = microsoft.tokens()
    caught(tokens.fetch)
    asked = len(microsoft.requests)

    microsoft.clock_s += shut_s - 1
    again = caught(tokens.fetch)
    assert isinstance(again, TransientError)
    assert (again.reason, again.retry_after_s, len(microsoft.requests)) == ("throttled", 1.0, asked)

    microsoft.clock_s += 1
    assert tokens.fetch().value == "token1"


def test_threads_that_queue_for_a_token_do_not_each_wait_out_an_outage() -> None:
    microsoft = Microsoft(discovery=[httpx.Response(503)] * 100)
    tokens = microsoft.tokens()
    errors: list[SyncError] = []
    threads = [threading.Thread(target=lambda: errors.append(caught(tokens.fetch))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [type(error) for error in errors] == [TransientError] * 16
    assert len(microsoft.requests) == 3


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"token_type": "Bearer"}),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"access_token": "x", "expires_in": {}}),
        httpx.Response(200, text=f"token={SECRET}"),
        httpx.Response(400, json={"unexpected": 1}),
        httpx.Response(302, headers={"Location": "https://evil.example/"}),
    ],
    ids=repr,
)
def test_a_login_answer_of_unknown_shape_is_a_wire_error(answer: httpx.Response) -> None:
    assert isinstance(caught(Microsoft(token=[answer]).tokens().fetch), WireError)


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(200, json={}), httpx.Response(200, json=[]), httpx.Response(200, json={"token_endpoint": 5})],
    ids=["empty", "list", "number"],
)
def test_a_discovery_of_unknown_shape_is_a_wire_error(answer: httpx.Response) -> None:
    assert isinstance(caught(Microsoft(discovery=[answer]).tokens().fetch), WireError)


def test_the_secret_is_never_sent_to_a_host_that_discovery_makes_up() -> None:
    microsoft = Microsoft(token_endpoint=f"https://evil.example/{TENANT}/token")

    error = caught(microsoft.tokens().fetch)

    assert (error.reason, microsoft.forms) == ("foreign_origin", [])


def test_a_401_is_answered_with_one_fresh_token() -> None:
    microsoft = Microsoft(graph=[graph_error(401, "InvalidAuthenticationToken")])

    microsoft.directory().fetch_users()

    assert microsoft.bearers == ["Bearer token1", "Bearer token2"]


def test_a_fresh_token_that_is_refused_is_the_tenants_error() -> None:
    microsoft = Microsoft(graph=[graph_error(401, "InvalidAuthenticationToken")] * 5)

    error = caught(microsoft.directory().fetch_users)

    assert isinstance(error, TenantError)
    assert (error.reason, error.vendor_code) == ("token_refused", "InvalidAuthenticationToken")
    assert len(microsoft.asked) == 2


def challenge(claims: str) -> httpx.Response:
    header = f'Bearer realm="", error="insufficient_claims", claims="{base64.b64encode(claims.encode()).decode()}"'
    return graph_error(401, "InvalidAuthenticationToken", **{"WWW-Authenticate": header})


def test_a_claims_challenge_is_answered_once() -> None:
    claims = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}'
    microsoft = Microsoft(graph=[challenge(claims), challenge(claims)])

    error = caught(microsoft.directory().fetch_users)

    assert isinstance(error, TenantError)
    assert json.loads(microsoft.forms[1]["claims"][0]) == json.loads(claims)
    assert len(microsoft.asked) == 2


@pytest.mark.parametrize("claims", ["no json", "[]", "{"])
def test_an_unreadable_challenge_is_an_ordinary_refusal(claims: str) -> None:
    microsoft = Microsoft(graph=[challenge(claims)])

    microsoft.directory().fetch_users()

    assert "claims" not in microsoft.forms[1]
    assert len(microsoft.asked) == 2


def test_consent_given_meanwhile_is_seen_through_a_kept_token() -> None:
    microsoft = Microsoft()
    directory = microsoft.directory()
    directory.fetch_users()
    microsoft.graph.append(graph_error(403, "Authorization_RequestDenied"))

    directory.fetch_users()

    assert microsoft.bearers[-1] == "Bearer token2"


def test_a_fresh_token_without_permission_is_not_exchanged() -> None:
    microsoft = Microsoft(graph=[graph_error(403, "Authorization_RequestDenied")])

    error = caught(microsoft.directory().fetch_users)

    assert isinstance(error, TenantError)
    assert (error.reason, error.permission, microsoft.issued) == ("permission_missing", "User.Read.All", 1)


def test_a_token_renewed_by_another_thread_is_taken() -> None:
    tokens = Microsoft().tokens()
    first = tokens.fetch()
    second = tokens.renew(first.value)

    assert tokens.renew(first.value).value == second.value == "token2"


def test_a_valid_token_serves_while_the_login_is_away() -> None:
    body = {"token_type": "Bearer", "expires_in": 3599, "refresh_in": -10, "access_token": "token0"}
    microsoft = Microsoft(token=[httpx.Response(200, json=body), *[httpx.Response(503)] * 3])
    tokens = microsoft.tokens()
    tokens.fetch()

    assert tokens.fetch().value == "token0"
    assert tokens.fetch().value == "token0"
    assert len(microsoft.forms) == 4


@pytest.mark.parametrize("name", sorted(CLOUDS))
def test_each_cloud_has_its_own_hosts_and_scope(name: str) -> None:
    cloud = CLOUDS[name]
    microsoft = Microsoft(token_endpoint=f"{cloud.login_url}/{TENANT}/oauth2/v2.0/token")

    microsoft.tokens(app=AppRegistration(client_id="c", secret=SECRET, cloud=cloud)).fetch()

    assert str(microsoft.requests[0].url).startswith(f"{cloud.login_url}/{TENANT}/")
    assert microsoft.forms[0]["scope"] == [cloud.scope]
    assert cloud.scope.removesuffix("/.default") == cloud.graph_url.removesuffix("/v1.0")


def test_china_may_name_its_second_login_host_and_nobody_elses() -> None:
    partner = f"https://login.partner.microsoftonline.cn/{TENANT}/oauth2/v2.0/token"
    china = AppRegistration(client_id="c", secret=SECRET, cloud=CLOUDS["china"])

    assert Microsoft(token_endpoint=partner).tokens(app=china).fetch().value == "token1"
    assert caught(Microsoft(token_endpoint=partner).tokens().fetch).reason == "foreign_origin"


@pytest.fixture(scope="module")
def pem_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("pem")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return str(key_file), str(certificate_file)


def _assertion_header(microsoft: Microsoft) -> dict[str, object]:
    part = microsoft.forms[0]["client_assertion"][0].partition(".")[0]
    header: dict[str, object] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return header


def test_a_certificate_signs_by_ps256(pem_files: tuple[str, str]) -> None:
    microsoft = Microsoft()
    app = AppRegistration(client_id="c", certificate=Certificate(pem_files[0], pem_files[1]))

    microsoft.tokens(app=app).fetch()

    header = _assertion_header(microsoft)
    assert header["alg"] == "PS256"
    assert {"x5t#S256", "x5c"} <= set(header)
    assert "client_secret" not in microsoft.forms[0]


def test_a_thumbprint_signs_by_rs256(pem_files: tuple[str, str]) -> None:
    microsoft = Microsoft()
    app = AppRegistration(client_id="c", certificate=Certificate(pem_files[0], thumbprint="ab" * 20))

    microsoft.tokens(app=app).fetch()

    assert _assertion_header(microsoft)["alg"] == "RS256"


@pytest.mark.parametrize(
    "content", [b"", b"-----BEGIN PRIVATE KEY-----\nZm9v\n-----END PRIVATE KEY-----\n", b"\xff\xfe"]
)
def test_an_unreadable_key_is_the_tenants_error_and_stays_unsaid(
    content: bytes, tmp_path: Path, pem_files: tuple[str, str]
) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(content)
    app = AppRegistration(client_id="c", certificate=Certificate(str(key), pem_files[1]))

    assert caught(Microsoft().tokens(app=app).fetch).reason == "certificate_unreadable"


def test_a_replaced_key_file_is_read_after_a_refusal(tmp_path: Path, pem_files: tuple[str, str]) -> None:
    key = tmp_path / "key.pem"
    app = AppRegistration(client_id="c", certificate=Certificate(str(key), pem_files[1]))
    tokens = Microsoft().tokens(app=app)
    assert caught(tokens.fetch).reason == "certificate_unreadable"

    key.write_bytes(Path(pem_files[0]).read_bytes())

    assert tokens.fetch().value == "token1"


def test_an_app_without_secret_and_certificate_is_the_tenants_error() -> None:
    assert caught(Microsoft().tokens(app=AppRegistration(client_id="c")).fetch).reason == "credentials_missing"


def test_the_environment_chooses_no_login_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "MSAL_FORCE_REGION", "westeurope")
    microsoft = Microsoft()

    microsoft.tokens().fetch()

    assert {request.url.host for request in microsoft.requests} == {"login.microsoftonline.com"}


def test_neither_secret_nor_token_is_in_an_error_or_in_the_registration() -> None:
    scripts = [
        Microsoft(token=[oauth_error(401, "invalid_client", 7000215)]),
        Microsoft(token=[httpx.Response(200, json={"access_token": SECRET, "expires_in": {}})]),
        Microsoft(token=[httpx.Response(200, text=f'{{"access_token": "{SECRET}"')]),
        Microsoft(token=[httpx.Response(200, json={"token": SECRET})]),
        Microsoft(token=[httpx.ReadTimeout("late")] * 3),
    ]
    for microsoft in scripts:
        error = caught(microsoft.tokens().fetch)
        assert isinstance(error, SyncError)
        assert SECRET not in "".join(traceback.format_exception(error)) + repr(error.__dict__)
    assert SECRET not in repr(APP)
