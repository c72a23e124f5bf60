"""What `check` makes of vendors' answers; the vendors are stand-ins that answer or refuse."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.errors import InstanceError, NotFoundError, TenantError
from adapters.records import Company, Contact, Credential, FieldSpec, Organization, PsaSchema
from tests.unit.worker.conftest import Installation
from worker.cli import main, probing
from worker.cli.findings import Finding
from worker.cli.permissions import NEEDED
from worker.cli.probing import Pace, Prober


class Vendors:
    """Both vendors at once; an answer may be an error."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "fetch_organization": Organization(id="t", name="Contoso", domains=("contoso.example",)),
            "count_users": 7,
            "fetch_roles": frozenset({"User.Read.All", "Directory.Read.All", "Organization.Read.All"}),
            "fetch_credentials": None,
            "fetch_latest_delta_link": "https://link",
            "fetch_deleted_user": None,
            "check": SimpleNamespace(codebase="v2026_1/", version="v2026.1", vendor_sync=False, missing=()),
            "fetch_company": Company(id="250", name="Contoso Ltd", active=True, domains=("contoso.example",)),
            "fetch_sites": (("7", "Main"),),
            "fetch_contacts": ((), None),
            "count_contacts": 5,
            "fetch_schema": PsaSchema(fields=tuple(FieldSpec(name=name, kind="text") for name in FIELDS)),
        }
        self.calls: list[str] = []

    def directory_of(self, *_: Any, **__: Any) -> "Vendors":
        return self

    contacts_of = directory_of

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*_: Any, **__: Any) -> Any:
            self.calls.append(name)
            answer = self.answers[name]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


FIELDS = ("first_name", "last_name", "email", "phone", "mobile_phone", "job_title", "department")
RULE = '[[connectors.contoso.company_rules]]\nwhen = "user.city == \'Berlin\'"\ncompany_id = "250"\nsite_id = "{}"\n'


@pytest.fixture
def vendors(monkeypatch: pytest.MonkeyPatch) -> Vendors:
    vendors = Vendors()
    monkeypatch.setattr(probing, "Vendors", lambda *_: vendors)
    return vendors


def probe(installation: Installation, *, times: int = 1) -> list[Finding]:
    settings = installation.load()
    prober = Prober(settings, None)
    return [finding for _ in range(times) for each in settings.connectors.values() for finding in prober.probe(each)]


def not_ok(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(each.what, each.verdict, each.detail) for each in findings if each.verdict != "ok"]


@pytest.mark.usefixtures("vendors")
def test_all_is_well(installation: Installation) -> None:
    findings = probe(installation)
    assert not_ok(findings) == []
    assert [each.what for each in findings] == [
        "Microsoft 365 login",
        "Graph permissions",
        "secret's end",
        "users",
        "changes and deleted users",
        "PSA login",
        "PSA rate budget",
        "company 250",
        "pairing",
        "mapping",
    ]


def test_missing_permission_is_named_and_the_psa_is_looked_at_all_the_same(
    installation: Installation, vendors: Vendors
) -> None:
    error = TenantError("permission_missing", vendor="graph", permission="User.Read.All")
    vendors.answers["count_users"] = error
    findings = probe(installation)
    ((what, verdict, detail),) = not_ok(findings)
    assert (what, verdict) == ("Microsoft 365", "failed")
    assert "User.Read.All" in detail
    assert findings[-1].what == "mapping"


def test_dead_psa_key_is_asked_for_once_and_nothing_behind_it_is(installation: Installation, vendors: Vendors) -> None:
    vendors.answers["check"] = InstanceError("key_refused", vendor="connectwise")
    findings = probe(installation, times=3)
    assert [what for what, *_ in not_ok(findings)] == ["PSA login"] * 3
    assert vendors.calls.count("check") == 1
    assert "fetch_company" not in vendors.calls


def test_lists_that_may_not_be_read_fail_and_the_vendors_own_sync_warns(
    installation: Installation, vendors: Vendors
) -> None:
    vendors.answers["check"] = SimpleNamespace(codebase="", version=None, vendor_sync=True, missing=("companies",))
    found = {what: (verdict, detail) for what, verdict, detail in not_ok(probe(installation))}
    assert found["PSA permissions"][0] == "failed"
    assert "companies" in found["PSA permissions"][1]
    assert found["PSA contact sync"][0] == "warning"


@pytest.mark.parametrize(
    ("company", "verdict"),
    [
        (Company(id="250", name="x", active=False, domains=("contoso.example",)), "warning"),
        (Company(id="250", name="x", active=False, deleted=True), "failed"),
        (NotFoundError("company_unknown", vendor="connectwise"), "failed"),
    ],
)
def test_company_that_cannot_be_used_is_told(
    installation: Installation, vendors: Vendors, company: object, verdict: str
) -> None:
    vendors.answers["fetch_company"] = company
    assert [each[1] for each in not_ok(probe(installation))] == [verdict]


def test_site_of_a_rule_must_exist_in_its_company(installation: Installation, vendors: Vendors) -> None:
    assert not_ok(probe(installation)) == []
    assert "fetch_sites" not in vendors.calls, "no rule names a site"
    installation.add(RULE.format("7"))
    assert not_ok(probe(installation)) == []
    installation.replace('site_id = "7"', 'site_id = "8"')
    assert [what for what, *_ in not_ok(probe(installation))] == ["site 8"]


def test_field_that_the_psa_has_not_is_told(installation: Installation, vendors: Vendors) -> None:
    schema = PsaSchema(fields=tuple(FieldSpec(name=name, kind="text") for name in FIELDS if name != "department"))
    vendors.answers["fetch_schema"] = schema
    ((what, verdict, detail),) = not_ok(probe(installation))
    assert (what, verdict) == ("mapping", "failed")
    assert "department" in detail


def test_check_without_a_store_spaces_its_calls() -> None:
    now_s, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now_s[0] += seconds

    pace = Pace(60, sleep=sleep, clock=lambda: now_s[0])
    for _ in range(3):
        pace.reserve()
    assert slept == [1, 1]
    pace.pause(9)
    pace.reserve()
    assert slept == [1, 1, 9]


class Pairings:
    """A store that remembers pairings, and nothing else."""

    def __init__(self, *known: tuple[str, str]) -> None:
        self.kept = dict(known)
        self.memory = self

    def save_pairing(self, home: str, company_id: str, word: str) -> None:
        self.kept[f"{home}/{company_id}"] = word

    def pairings(self, home: str, company_ids: list[str]) -> dict[str, str]:
        return {each: self.kept[f"{home}/{each}"] for each in company_ids}


STRANGE = Company(id="250", name="Fabrikam", active=True, domains=("fabrikam.example",))


def pairing(installation: Installation, store: Pairings | None, *, confirm: bool = False) -> Finding:
    settings = installation.load()
    prober = Prober(settings, store, confirm=confirm)  # type: ignore[arg-type]  # a part of a store
    (found,) = (each for each in prober.probe(settings.connectors["contoso"]) if each.what == "pairing")
    return found


def test_tenant_and_company_without_a_common_domain_want_a_confirmation(
    installation: Installation, vendors: Vendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "shared_budgets", lambda _: None)
    vendors.answers["fetch_company"] = STRANGE
    store = Pairings()
    found = pairing(installation, store)
    assert found.verdict == "failed"
    assert "contact-sync check contoso --confirm" in found.detail
    assert list(store.kept.values()) == ["doubtful"]
    assert pairing(installation, store, confirm=True).verdict == "ok"
    assert list(store.kept.values()) == ["confirmed"]


def test_address_of_a_contact_shows_the_pairing_where_the_website_does_not(
    installation: Installation, vendors: Vendors
) -> None:
    vendors.answers["fetch_company"] = STRANGE
    contact = Contact(id="1", company_id="250", active=True, emails=("jane@mail.Contoso.example",))
    vendors.answers["fetch_contacts"] = ((contact,), None)
    assert pairing(installation, None).verdict == "ok"


def test_confirmation_that_cannot_be_remembered_is_said(installation: Installation, vendors: Vendors) -> None:
    vendors.answers["fetch_company"] = STRANGE
    found = pairing(installation, None, confirm=True)
    assert (found.verdict, "confirm again" in found.detail) == ("warning", True)


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ({"User.Read.All", "Directory.Read.All"}, ("failed", "missing: Organization.Read.All")),
        ({*NEEDED, "User.ReadWrite.All", "Mail.Read"}, ("warning", "more than needed: Mail.Read, User.ReadWrite.All")),
        ({*NEEDED, "Application.Read.All"}, ("ok", "what is needed and no more")),
    ],
)
def test_permissions_that_are_missing_or_too_many_are_named(
    installation: Installation, vendors: Vendors, roles: set[str], expected: tuple[str, str]
) -> None:
    vendors.answers["fetch_roles"] = frozenset(roles)
    (found,) = (each for each in probe(installation) if each.what == "Graph permissions")
    verdict, said = expected
    assert found.verdict == verdict
    assert said in found.detail


def test_end_of_a_secret_is_asked_for_only_where_we_may(installation: Installation, vendors: Vendors) -> None:
    probe(installation)
    assert "fetch_credentials" not in vendors.calls
    vendors.answers["fetch_roles"] = frozenset({*NEEDED, "Application.Read.All"})
    ends_at = datetime.now(UTC) + timedelta(days=9, hours=1)
    vendors.answers["fetch_credentials"] = (Credential(kind="secret", name="laptop", ends_at=ends_at),)
    (found,) = (each for each in probe(installation) if each.what == "secret's end")
    assert found.verdict == "warning"
    assert "laptop" in found.detail
    assert "9 days" in found.detail


@pytest.mark.usefixtures("vendors")
def test_connectors_that_meet_are_told(installation: Installation) -> None:
    installation.add('[connectors.fabrikam]\ntenant_id = "0e6b1c7a-92d4-4f0b-b1a5-7c3d2e1f0a9b"')
    installation.add("psa_default_company_id = 250")
    found = [(each.connector, each.what) for each in probe(installation) if "doubly mapped" in each.what]
    assert found == [("contoso", "company, doubly mapped"), ("fabrikam", "company, doubly mapped")]


@pytest.fixture
def check(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], list[dict[str, Any]]]:
    """Check two customers by the command line, and return the findings."""
    installation.add('tags = ["pilot"]\n[connectors.fabrikam]\ntags = ["pilot"]\npsa_default_company_id = "251"')
    installation.add('tenant_id = "0e6b1c7a-92d4-4f0b-b1a5-7c3d2e1f0a9b"')
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)

    def check(arguments: str) -> list[dict[str, Any]]:
        with pytest.raises(SystemExit) as end:
            main(["--config", str(installation.path), "check", *arguments.split(), "--json"])
        assert not end.value.code
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return check


LISTED = {"": True, "--all": True, "--psa main": True, "contoso": False, "--tag pilot": False}


@pytest.mark.parametrize("arguments", LISTED)
def test_companies_are_listed_once_a_psa_and_only_if_all_its_customers_are_checked(
    vendors: Vendors, check: Callable[[str], list[dict[str, Any]]], arguments: str
) -> None:
    companies = [Company(id=number, name=f"Customer {number}", active=True) for number in ("250", "251", "252")]
    vendors.answers |= {"iter_companies": [tuple(companies)], "close": None}
    noted = [each for each in check(arguments) if each["verdict"] == "note"]
    expected = [[{"id": "252", "name": "Customer 252"}]] if LISTED[arguments] else []
    assert [each["companies"] for each in noted] == expected
    assert vendors.calls.count("iter_companies") == len(noted)
