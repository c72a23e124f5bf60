"""Keys, rights and the declared cost, asked of every adapter alike; and what is not asked of one."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from adapters.autotask import AutotaskContacts
from adapters.connectwise import ConnectWiseContacts
from adapters.errors import (
    BudgetError,
    InstanceError,
)
from adapters.halo.contacts import COST, COST_WITH_REPORT
from adapters.read_only import ReadOnlyContacts
from adapters.records import ContactChange
from tests.contract.kit.looking import everything
from tests.contract.kit.psa import COMPANY, TOPICS, On, Psa, change, draft, object_id, permit
from tests.fakes.budget import DiaryBudget


def test_what_is_not_asked_has_a_written_reason(name: str, topic: str, reason: str) -> None:
    assert topic in TOPICS, f"{name}: the kit asks nothing about {topic}"
    assert len(reason.split()) >= 4
    assert reason.endswith(".")


@pytest.mark.topic("keys")
@pytest.mark.parametrize("on", ["read", "create", "update"])
def test_key_that_dies_in_mid_run_stops_the_instance(warm: Psa, on: On) -> None:
    contact = warm.port.create_contact(draft(), permit=permit)
    calls: Mapping[On, Callable[[], object]] = {
        "read": lambda: warm.port.fetch_contacts(COMPANY),
        "create": lambda: warm.port.create_contact(draft(), permit=permit),
        "update": lambda: warm.port.update_contact(change(contact, fields={"job_title": "Chief"}), permit=permit),
    }
    warm.kill_keys()
    with pytest.raises(InstanceError) as caught:
        calls[on]()
    assert caught.value.reason in ("credentials_refused", "login_refused")


@pytest.mark.topic("keys")
def test_missing_right_to_write_stops_the_instance_and_reads_go_on(warm: Psa) -> None:
    warm.keep_rights("contacts.read", "companies.read")
    with pytest.raises(InstanceError) as caught:
        warm.port.create_contact(draft(), permit=permit)
    assert caught.value.reason == "permission_missing"
    assert everything(warm) == []


@pytest.mark.topic("keys")
def test_missing_right_to_read_is_no_empty_company(warm: Psa) -> None:
    warm.add()
    warm.keep_rights("companies.read")
    with pytest.raises(InstanceError) as caught:
        warm.port.fetch_contacts(COMPANY)
    assert caught.value.reason == "permission_missing"


@pytest.mark.topic("cost")
def test_spent_budget_sends_nothing(psa: Psa) -> None:
    with pytest.raises(BudgetError):
        psa.contacts(budget=DiaryBudget(left=0)).count_contacts(COMPANY)


@pytest.mark.topic("cost")
@pytest.mark.parametrize("more", [0, 1])
def test_index_of_a_company_costs_what_is_declared(psa: Psa, more: int) -> None:
    count = psa.page_size + more
    psa.add_many(count)
    budget = DiaryBudget()
    port = psa.contacts(budget=budget)
    port.fetch_schema()
    before, cursor, found = budget.left, None, 0
    while True:
        page, cursor = port.fetch_contacts(COMPANY, cursor)
        found += len(page)
        if cursor is None:
            break
    assert found == count
    assert before - budget.left <= psa.cost.index(count)
    assert psa.cost.index(count) <= before - budget.left + 2, "nobody plans by a cost that is not there"


@pytest.mark.topic("cost")
def test_no_method_costs_more_than_it_says(psa: Psa) -> None:
    budget = DiaryBudget()
    port = psa.contacts(budget=budget)
    port.fetch_schema()
    port.fetch_company(COMPANY)
    port.fetch_sites(COMPANY)
    contact = port.create_contact(draft(email="a@contoso.example"), permit=permit)
    port.fetch_contacts(COMPANY)
    wanted = ContactChange(contact_id=contact.id, company_id=COMPANY, fields={"email": "b@contoso.example"})
    calls: Mapping[str, Callable[[], object]] = {
        "fetch_schema": port.fetch_schema,
        "fetch_company": lambda: port.fetch_company(COMPANY),
        "fetch_sites": lambda: port.fetch_sites(COMPANY),
        "iter_companies": lambda: list(port.iter_companies()),
        "fetch_contacts": lambda: port.fetch_contacts(COMPANY),
        "count_contacts": lambda: port.count_contacts(COMPANY),
        "fetch_contact": lambda: port.fetch_contact(contact.id),
        "fetch_by_ids": lambda: port.fetch_by_ids([contact.id]),
        "find_contacts": lambda: port.find_contacts([COMPANY], entra_id=object_id(1), emails=["a@contoso.example"]),
        "find_namesakes": lambda: port.find_namesakes([COMPANY], first_name="Ann", last_name="Example"),
        "create_contact": lambda: port.create_contact(draft(), permit=permit),
        "update_contact": lambda: port.update_contact(wanted, permit=permit),
    }
    methods = {name for name, _ in inspect.getmembers(ReadOnlyContacts(port), callable) if not name.startswith("_")}
    assert set(calls) == methods
    for name, call in calls.items():
        before = budget.left
        call()
        assert before - budget.left <= getattr(psa.cost, name), name


def test_page_about_calls_says_what_adapters_declare() -> None:
    page = (Path(__file__).parents[3] / "ops" / "docs" / "psa-calls.md").read_text()
    costs = {
        "ConnectWise": ConnectWiseContacts.cost,
        "Autotask": AutotaskContacts.cost,
        "Halo": COST,
        "Halo with a [users' report](halopsa.md)": COST_WITH_REPORT,
    }
    for name, cost in costs.items():
        calls = (cost.page_size, cost.index(5000), cost.find_contacts, cost.create_contact, cost.update_contact)
        assert f"| {name} | {' | '.join(f'{number:,}' for number in calls)} |" in page
