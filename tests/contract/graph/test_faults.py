"""What the network, the login and Graph do to us: each trouble has its branch of errors, or is waited out."""

import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from adapters.errors import ResyncError, SyncError, TenantError, TransientError
from adapters.graph import Certificate
from adapters.transport import make_client
from tests.contract.graph.tenants import SandboxTenant, read_delta, read_list

GRAPH = {"vendor": "graph"}
LOGIN = {"vendor": "login"}
SHORT_TROUBLE: list[tuple[str, dict[str, Any]]] = [
    ("429", {"retry_after": 1}),
    ("429", {"retry_after": None}),
    ("429", {"retry_after": "http-date", "seconds": 2}),
    ("status", {"status": 503, "body": "html"}),
    ("status", {"status": 500, "body": "json"}),
    ("status", {"status": 504, "body": "empty"}),
    ("status", {"status": 200, "body": "html"}),
    ("reset", {}),
    ("truncate", {}),
    ("lost_answer", {}),
    ("timeout", {"seconds": 4}),
]


def _reason(error: pytest.ExceptionInfo[SyncError]) -> str:
    return error.value.reason


@pytest.mark.parametrize(("kind", "keys"), SHORT_TROUBLE, ids=str)
def test_a_short_trouble_of_graph_is_waited_out(in_sandbox: SandboxTenant, kind: str, keys: dict[str, Any]) -> None:
    in_sandbox.directory.fetch_organization()
    in_sandbox.sandbox.fault(kind, match={**GRAPH, "path": "/users"}, **keys)

    pages = read_list(in_sandbox.directory)

    assert sum(len(page.entries) for page in pages) == len(in_sandbox.ids())


@pytest.mark.parametrize(("kind", "keys"), SHORT_TROUBLE, ids=str)
def test_a_short_trouble_of_the_login_is_waited_out(in_sandbox: SandboxTenant, kind: str, keys: dict[str, Any]) -> None:
    in_sandbox.sandbox.fault(kind, match=LOGIN, **keys)
    in_sandbox.sandbox.fault(kind, match={**LOGIN, "method": "POST"}, **keys)

    assert in_sandbox.directory.fetch_organization().id == in_sandbox.tenant_id


@pytest.mark.parametrize("match", [GRAPH, LOGIN], ids=["graph", "login"])
@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("429", {"retry_after": 120}),
        ("status", {"status": 503, "body": "html"}),
        ("reset", {}),
    ],
    ids=str,
)
def test_a_long_trouble_is_transient(
    in_sandbox: SandboxTenant, match: dict[str, str], kind: str, keys: dict[str, Any]
) -> None:
    in_sandbox.sandbox.fault(kind, match=match, times=None, **keys)

    with pytest.raises(TransientError) as raised:
        in_sandbox.directory.fetch_users()

    assert raised.value.retry_after_s == keys.get("retry_after")


def test_a_long_retry_after_is_not_slept_through(in_sandbox: SandboxTenant) -> None:
    in_sandbox.directory.fetch_organization()
    in_sandbox.sandbox.fault("429", match=GRAPH, retry_after=120)
    started = time.monotonic()

    with pytest.raises(TransientError):
        in_sandbox.directory.fetch_users()

    assert time.monotonic() - started < 60


def test_a_wrong_secret_an_expired_one_and_a_mended_one(in_sandbox: SandboxTenant) -> None:
    client_id = in_sandbox.facts["client_id"]
    with pytest.raises(TenantError) as raised:
        in_sandbox.directory_for(client_id=client_id, secret="wrong").fetch_users()
    assert _reason(raised) == "secret_wrong"

    expired = in_sandbox.facts["expired_client_secret"]
    with pytest.raises(TenantError) as raised:
        in_sandbox.directory_for(client_id=client_id, secret=expired).fetch_users()
    assert _reason(raised) == "secret_expired"

    directory = in_sandbox.directory_for(client_id=client_id, secret="rotated")
    with pytest.raises(TenantError):
        directory.fetch_users()
    in_sandbox.sandbox.mutate("graph.set_app", client_secret="rotated")
    assert directory.fetch_users().entries


def test_a_certificate_opens_the_door_and_an_unknown_one_does_not(in_sandbox: SandboxTenant) -> None:
    facts = in_sandbox.facts
    certificate = Certificate(facts["private_key_file"], facts["certificate_file"])
    assert in_sandbox.directory_for(client_id=facts["client_id"], certificate=certificate).fetch_users().entries

    in_sandbox.sandbox.mutate("graph.set_app", certificate=False)
    with pytest.raises(TenantError) as raised:
        in_sandbox.directory_for(client_id=facts["client_id"], certificate=certificate).fetch_users()
    assert _reason(raised) == "certificate_refused"


def test_one_app_serves_many_tenants_each_with_its_own_users(in_sandbox: SandboxTenant) -> None:
    app = in_sandbox.sandbox.facts["multi_tenant_app"]
    seen: list[set[str]] = []
    for facts in in_sandbox.sandbox.facts["tenants"][:2]:
        directory = in_sandbox.directory_for(
            tenant_id=facts["tenant_id"], client_id=app["client_id"], secret=app["client_secret"]
        )
        assert directory.fetch_organization().id == facts["tenant_id"]
        seen.append({entry.id for page in read_list(directory) for entry in page.entries})

    assert all(seen)
    assert seen[0].isdisjoint(seen[1])


def test_an_app_without_consent_and_a_tenant_that_nobody_knows(in_sandbox: SandboxTenant) -> None:
    with pytest.raises(TenantError) as raised:
        in_sandbox.directory_for(client_id="99999999-9999-4999-8999-999999999999", secret="x").fetch_users()
    assert _reason(raised) == "consent_missing"

    in_sandbox.sandbox.mutate("graph.set_tenant", exists=False)
    facts = in_sandbox.facts
    with pytest.raises(TenantError) as raised:
        in_sandbox.directory_for(client_id=facts["client_id"], secret=facts["client_secret"]).fetch_users()
    assert _reason(raised) == "tenant_unknown"


def test_a_disabled_app(in_sandbox: SandboxTenant) -> None:
    in_sandbox.sandbox.mutate("graph.set_app", enabled=False)

    with pytest.raises(TenantError) as raised:
        in_sandbox.directory.fetch_users()
    assert _reason(raised) == "app_disabled"


def test_a_permission_that_is_missing_and_then_given(in_sandbox: SandboxTenant) -> None:
    in_sandbox.sandbox.mutate("graph.set_app", roles=[])
    with pytest.raises(TenantError) as raised:
        in_sandbox.directory.fetch_users()
    assert (_reason(raised), raised.value.permission) == ("permission_missing", "User.Read.All")

    in_sandbox.sandbox.mutate("graph.set_app", roles=["User.Read.All"])
    assert in_sandbox.directory.fetch_users().entries


def test_revoked_tokens_are_renewed_without_a_word(in_sandbox: SandboxTenant) -> None:
    in_sandbox.directory.fetch_users()
    in_sandbox.sandbox.mutate("graph.revoke_tokens")

    assert in_sandbox.directory.fetch_users().entries


@pytest.mark.parametrize("status", [400, 410])
def test_a_dead_delta_link_of_either_kind(in_sandbox: SandboxTenant, status: int) -> None:
    link = in_sandbox.directory.fetch_latest_delta_link()
    in_sandbox.sandbox.fault("dead_delta", match=GRAPH, status=status)

    with pytest.raises(ResyncError) as raised:
        in_sandbox.directory.fetch_delta(link)
    assert (_reason(raised), raised.value.status) == ("delta_link_dead", status)


def test_a_delta_link_dies_of_age(in_sandbox: SandboxTenant) -> None:
    link = in_sandbox.directory.fetch_latest_delta_link()
    in_sandbox.sandbox.post("advance-clock", {"seconds": 8 * 86400})

    with pytest.raises(ResyncError):
        read_delta(in_sandbox.directory, link)


def test_a_delta_that_names_users_twice_is_read_to_its_end(in_sandbox: SandboxTenant) -> None:
    in_sandbox.sandbox.settings(graph__delta_duplicates=2)
    link = in_sandbox.directory.fetch_latest_delta_link()
    created = {in_sandbox.add_user() for _ in range(8)}

    entries, _ = read_delta(in_sandbox.directory, link)

    assert {entry.id for entry in entries} == created
    assert len(entries) > len(created)


def test_a_deleted_user_is_still_known_for_a_while(in_sandbox: SandboxTenant) -> None:
    user_id = in_sandbox.add_user(display_name="Leaver")
    in_sandbox.delete_user(user_id)

    deleted = in_sandbox.directory.fetch_deleted_user(user_id)

    assert deleted is not None
    assert deleted.display_name == "Leaver"
    assert in_sandbox.directory.fetch_deleted_user("00000000-0000-4000-8000-ffffffffffff") is None


def test_the_tenant_shows_its_domain(in_sandbox: SandboxTenant) -> None:
    organization = in_sandbox.directory.fetch_organization()

    assert organization.name == in_sandbox.facts["name"]
    assert in_sandbox.facts["domain"] in organization.domains


def test_a_server_that_our_trust_store_does_not_know_gets_no_secret(in_sandbox: SandboxTenant) -> None:
    with make_client() as stranger:
        tenant = SandboxTenant(in_sandbox.sandbox, stranger)
        with pytest.raises(TransientError) as raised:
            tenant.directory.fetch_users()

    assert _reason(raised) == "tls_untrusted"
    assert isinstance(raised.value.__cause__, httpx.ConnectError)


def test_roles_of_the_token_and_the_ends_of_the_apps_secrets_are_told(in_sandbox: SandboxTenant) -> None:
    needed = {"User.Read.All", "Directory.Read.All", "Organization.Read.All"}
    assert in_sandbox.directory.fetch_roles() == frozenset(needed)
    with pytest.raises(TenantError) as refused:
        in_sandbox.directory.fetch_credentials()
    assert refused.value.permission == "Application.Read.All"

    facts = in_sandbox.facts
    roles = sorted(needed | {"Application.Read.All"})
    in_sandbox.sandbox.mutate("graph.set_app", client_id=facts["client_id"], roles=roles)
    allowed = in_sandbox.directory_for(client_id=facts["client_id"], secret=facts["client_secret"])
    assert allowed.fetch_roles() == frozenset(roles)
    former, current = allowed.fetch_credentials() or ()
    assert (former.name, current.name, current.kind) == ("former", "current", "secret")
    assert former.ends_at < datetime.now(UTC) < current.ends_at


def test_app_that_is_registered_in_another_tenant_tells_no_secrets(in_sandbox: SandboxTenant) -> None:
    shared = in_sandbox.sandbox.facts["multi_tenant_app"]
    in_sandbox.sandbox.mutate("graph.set_app", client_id=shared["client_id"], roles=["Application.Read.All"])
    directory = in_sandbox.directory_for(client_id=shared["client_id"], secret=shared["client_secret"])
    assert directory.fetch_credentials() is None
