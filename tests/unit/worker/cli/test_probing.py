"""What `check` makes of vendors' answers; the vendors are stand-ins that answer or refuse."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.errors import InstanceError, NotFoundError, TenantError
from adapters.records import Company, FieldSpec, Organization, PsaSchema
from tests.unit.worker.conftest import Installation
from worker.cli import probing
from worker.cli.probing import Finding, Pace, Prober


class Vendors:
    """Both vendors at once; an answer may be an error."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "fetch_organization": Organization(id="t", name="Contoso", domains=("contoso.example",)),
            "count_users": 7,
            "fetch_latest_delta_link": "https://link",
            "fetch_deleted_user": None,
            "check": SimpleNamespace(codebase="v2026_1/", version="v2026.1", vendor_sync=False, missing=()),
            "fetch_company": Company(id="250", name="Contoso Ltd", active=True, sites=(("7", "Main"),)),
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
        "users",
        "changes and deleted users",
        "PSA login",
        "company 250",
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
        (Company(id="250", name="x", active=False), "warning"),
        (Company(id="250", name="x", active=False, deleted=True), "failed"),
        (NotFoundError("company_unknown", vendor="connectwise"), "failed"),
    ],
)
def test_company_that_cannot_be_used_is_told(
    installation: Installation, vendors: Vendors, company: object, verdict: str
) -> None:
    vendors.answers["fetch_company"] = company
    assert [each[1] for each in not_ok(probe(installation))] == [verdict]


@pytest.mark.usefixtures("vendors")
def test_site_of_a_rule_must_exist_in_its_company(installation: Installation) -> None:
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
