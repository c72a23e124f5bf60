"""A whole audit: what it reads, at what cost, what it remembers; and that it writes to neither side."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.errors import BudgetError, TransientError
from adapters.read_only import ReadOnlyContacts
from adapters.store import Store
from tasks.auditing.audit import Audit, AuditPorts, audit_connector
from tasks.profiles import USERS
from tests.fakes.contacts import FakeContacts
from tests.fakes.directory import FakeDirectory
from tests.fakes.engine import Engine, make_connector

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
COMPANIES: dict[str, Any] = {"company_rules": [{"when": "user.city == 'Bonn'", "company_id": "251"}]}


class Office:
    """A tenant and a PSA with companies 250 and 251, to be audited."""

    def __init__(self, store: Store | None = None) -> None:
        self.directory = FakeDirectory(page_size=10)
        self.psa = FakeContacts(page_size=20)
        self.psa.add_company()
        self.psa.add_company("251")
        self.memory = store.memory if store is not None else None
        self.slept: list[float] = []
        self.told: list[str] = []

    def audit(self, *, at: datetime = NOON, **settings: Any) -> Audit:
        ports = AuditPorts(
            directory=self.directory,
            contacts=ReadOnlyContacts(self.psa),
            memory=self.memory,
            sleep=self.slept.append,
            tell=self.told.append,
            now=lambda: at,
        )
        return audit_connector(ports, make_connector(**settings))


@pytest.fixture
def office(store: Store) -> Office:
    return Office(store)


def shares(audit: Audit) -> dict[str, tuple[int, int]]:
    return {each.name: (each.number, each.of) for each in audit.measures}


def before(audit: Audit, name: str) -> dict[int, float | None]:
    return next(each.before for each in audit.measures if each.name == name)


def furnish(office: Office) -> None:
    for number in range(25):
        name = f"user{number}"
        office.directory.add_user(name, department="Sales" if number % 5 else None)
        office.psa.add_contact(email=f"{name}@contoso.com", first_name=name.title(), last_name="Example")
    office.psa.add_contact(email="user0@contoso.com", first_name="User0", last_name="Example")
    office.psa.add_contact(company_id="251", email="user1@contoso.com", first_name="User1", last_name="Example")
    office.psa.add_contact(email="ann@other.example", first_name="Ann", last_name="Lee")
    office.directory.add_user("lonely", department="IT")


def test_it_finds_duplicates_and_counts_what_is_missing(office: Office) -> None:
    furnish(office)
    audit = office.audit(**COMPANIES)
    assert [row["survivor"] for row in audit.clusters] == ["1001"]
    assert (audit.users, audit.contacts, audit.surplus) == (26, 28, 1)
    found = shares(audit)
    assert found["lacking_department"] == (5, 26)
    assert found["lacking_phone"] == found["lacking_any_phone"] == (26, 26)
    assert found["lacking_surname"] == (0, 26)
    assert found["users_without_contact"] == (1, 26)
    assert found["contacts_without_user"] == (1, 28)
    assert found["duplicate_contacts"] == (1, 28)


def test_it_only_reads_and_costs_what_a_full_run_reads(office: Office) -> None:
    furnish(office)
    office.audit(**COMPANIES)
    assert office.psa.writes == []
    assert office.psa.calls == {"fetch_contacts": 2 + 1, "count_contacts": 2}  # ⌈27/20⌉ + ⌈1/20⌉, and each count
    assert office.directory.calls == {"fetch_users": 3}  # ⌈26/10⌉


def test_users_out_of_scope_are_not_measured_but_have_their_contacts(office: Office) -> None:
    office.directory.add_user("gone", account_enabled=False)
    office.psa.add_contact(email="gone@contoso.com", first_name="Gone", last_name="Example")
    found = shares(office.audit())
    assert found["lacking_phone"] == (0, 0)
    assert found["contacts_without_user"] == (0, 1)


def test_a_contact_that_contact_sync_linked_is_kept(engine: Engine) -> None:
    engine.directory.add_user("jane")
    engine.run(sync_mode="full")
    (linked,) = engine.psa.contacts
    engine.psa.add_contact(email="jane@contoso.com", first_name="Jane", last_name="Example", job_title="Buyer")
    office = Office(engine.store)
    office.directory, office.psa = engine.directory, engine.psa
    (row,) = office.audit().clusters
    assert (row["survivor"], row["reason"]) == (linked, "linked by contact-sync")


def test_without_a_store_links_and_trend_are_unknown() -> None:
    office = Office()
    furnish(office)
    audit = office.audit()
    assert not audit.knows_links
    assert before(audit, "lacking_department") == {7: None, 30: None, 90: None}


# --- trouble ----------------------------------------------------------------------------------------------------------


def test_a_spent_budget_is_waited_for(office: Office) -> None:
    furnish(office)
    office.psa.fail("fetch_contacts", BudgetError("budget", vendor="fake", retry_after_s=7.0))
    office.directory.fail("fetch_users", BudgetError("budget", vendor="graph", retry_after_s=3.0))
    assert office.audit().contacts == 27
    assert office.slept == [7.0, 3.0]
    assert "the vendor's budget is spent; going on in 7 s" in office.told


def test_a_list_that_lacks_contacts_is_not_believed(office: Office) -> None:
    furnish(office)
    office.psa.moments.plan("count_contacts", lambda: [office.psa.add_contact(last_name="New") for _ in range(9)])
    with pytest.raises(TransientError, match="contact_list_incomplete"):
        office.audit()
    assert office.memory is not None
    assert office.memory.quality("contoso") == {}


def test_users_are_read_again_where_a_page_link_has_died(office: Office) -> None:
    furnish(office)
    office.directory.moments.plan("fetch_users", office.directory.expire_page_links, moment="after")
    assert office.audit().users == 26


def test_a_page_link_that_always_dies_is_an_error(office: Office) -> None:
    furnish(office)
    for _ in range(9):
        office.directory.moments.plan("fetch_users", office.directory.expire_page_links, moment="after")
    with pytest.raises(TransientError, match="page_link_expired"):
        office.audit()


# --- trend ------------------------------------------------------------------------------------------------------------


def test_shares_of_earlier_days_stand_beside_and_a_repeat_takes_the_days_place(office: Office) -> None:
    jane = office.directory.add_user("jane")
    office.audit(at=NOON - timedelta(days=8))
    office.directory.add_user("tom", department="IT")
    office.audit(at=NOON - timedelta(days=31))
    for _ in range(2):
        assert before(office.audit(), "lacking_department") == {7: 1.0, 30: 0.5, 90: None}
    office.directory.change_user(jane.id, department="Sales")
    assert shares(office.audit())["lacking_department"] == (0, 2)


def test_a_full_run_records_the_profiles_for_free(engine: Engine) -> None:
    engine.directory.add_user("jane", department="Sales")
    engine.directory.add_user("tom")
    engine.run(sync_mode="full", dry_run=True)
    engine.run(sync_mode="full", department_filter="Sales")
    assert engine.store.memory.quality("contoso") == {}
    reads = engine.directory.calls["fetch_users"]
    engine.run(sync_mode="full")
    ((day, numbers),) = engine.store.memory.quality("contoso").items()
    assert (numbers[USERS], numbers["department"]) == (2, 1)
    assert engine.directory.calls["fetch_users"] == reads + 1
    engine.run()
    assert engine.store.memory.quality("contoso") == {day: numbers}


def test_a_list_that_is_not_believed_is_not_recorded(engine: Engine) -> None:
    engine.directory.add_users(40)
    engine.run(sync_mode="full")
    kept = engine.store.memory.quality("contoso")
    engine.directory.is_listed = lambda user: user.id.endswith("1")
    engine.run(sync_mode="full")
    assert engine.store.memory.quality("contoso") == kept
