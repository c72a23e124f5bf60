"""What tasks rely on, asked of every adapter alike. A new one is done when it passes."""

import inspect
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters.autotask import AutotaskContacts
from adapters.connectwise import ConnectWiseContacts
from adapters.errors import (
    AnswerLostError,
    BudgetError,
    InstanceError,
    NotFoundError,
    RecordError,
    SyncError,
    TransientError,
)
from adapters.halo.contacts import COST, COST_WITH_REPORT
from adapters.read_only import ReadOnlyContacts, ReadOnlyError
from adapters.records import Contact, ContactChange, FieldSpec
from tasks.ports import Contacts
from tests.contract.kit.psa import COMPANY, OTHER_COMPANY, TOPICS, On, Psa, change, draft, object_id, permit
from tests.fakes.budget import DiaryBudget

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
    ("timeout", {"seconds": 4}),
]
THROTTLED: list[tuple[dict[str, Any], float]] = [
    ({"retry_after": 1}, 1),
    ({"retry_after": None}, 0.1),
    ({"retry_after": "http-date", "seconds": 3}, 1),
]
"""Three kinds of 429, and for how many seconds at least each is waited out."""
MAYBE_TAKEN: list[tuple[str, dict[str, Any]]] = [
    ("lost_answer", {}),
    ("truncate", {}),
    ("status", {"status": 500, "body": "json"}),
    ("status", {"status": 503, "body": "html"}),
    ("reset", {}),
]
STRANGE = ['"ann b"@contoso.example', "a[b]c@contoso.example", "a*c@contoso.example", "100%@x.example"]
DERIVED = {"site", "display_name"}  # what a PSA makes of other fields by itself


def everything(psa: Psa) -> list[Contact]:
    """Walk all pages."""
    found: list[Contact] = []
    cursor: str | None = None
    while True:
        page, cursor = psa.port.fetch_contacts(COMPANY, cursor)
        found.extend(page)
        if cursor is None:
            return found


def sample(spec: FieldSpec, *, turn: int = 0) -> str:
    """Return a value that fits a field; another one each turn."""
    if spec.choices is not None:
        return spec.choices[turn % len(spec.choices)]
    if spec.kind == "email":
        return f"{spec.name}.{turn}@contoso.example"
    if spec.kind == "phone":
        return f"+49 30 55501{turn}"
    return f"Ünï {spec.name} {turn}"[: spec.max_length]


def mapped(port: Contacts) -> list[FieldSpec]:
    """Return the fields that can hold any value of their kind."""
    specs = port.fetch_schema().fields
    return [spec for spec in specs if spec.name not in DERIVED and (spec.kind != "reference" or spec.choices)]


def own(contact: Contact) -> dict[str, str]:
    return {name: value for name, value in contact.fields.items() if name not in DERIVED}


@pytest.fixture
def warm(psa: Psa) -> Psa:
    """A PSA whose port has read what it keeps, so that trouble meets the call that is meant."""
    psa.port.fetch_schema()
    psa.port.fetch_company(COMPANY)
    psa.port.count_contacts(COMPANY)
    return psa


def test_what_is_not_asked_has_a_written_reason(name: str, topic: str, reason: str) -> None:
    assert topic in TOPICS, f"{name}: the kit asks nothing about {topic}"
    assert len(reason.split()) >= 4
    assert reason.endswith(".")


# --- reading ----------------------------------------------------------------------------------------------------------


def test_pages_hold_every_contact_of_the_company_once_and_the_count_agrees(psa: Psa) -> None:
    ids = [psa.add(active=number % 2 == 0) for number in range(5)]
    psa.add(company=OTHER_COMPANY)
    found = everything(psa)
    assert [contact.id for contact in found] == ids
    assert [contact.active for contact in found] == [True, False, True, False, True]
    assert psa.port.count_contacts(COMPANY) == 5


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("pages", [1, 2])
def test_no_contact_is_lost_at_the_borders_of_pages(psa: Psa, more: int, pages: int) -> None:
    ids = psa.add_many(pages * psa.page_size + more)
    assert [contact.id for contact in everything(psa)] == ids
    assert psa.port.count_contacts(COMPANY) == len(ids)


def test_what_comes_and_goes_during_a_walk_hides_nobody(psa: Psa) -> None:
    ids = psa.add_many(psa.page_size + 3)
    first, cursor = psa.port.fetch_contacts(COMPANY)
    new = psa.add()
    assert cursor is not None
    rest: list[Contact] = []
    while cursor is not None:
        page, cursor = psa.port.fetch_contacts(COMPANY, cursor)
        rest += page
    assert {contact.id for contact in [*first, *rest]} == {*ids, new}


def test_contact_that_is_deleted_during_a_walk_hides_nobody(psa: Psa) -> None:
    ids = psa.add_many(psa.page_size + 3)
    first, cursor = psa.port.fetch_contacts(COMPANY)
    for gone in (ids[0], ids[-1]):  # one that was read, and one that was not
        psa.delete(gone)
    rest: list[Contact] = []
    while cursor is not None:
        page, cursor = psa.port.fetch_contacts(COMPANY, cursor)
        rest += page
    found = [contact.id for contact in (*first, *rest)]
    assert found in (ids, ids[:-1])  # the last one was there when the walk began


def test_company_without_contacts_is_empty(psa: Psa) -> None:
    assert everything(psa) == []
    assert psa.port.count_contacts(COMPANY) == 0


def test_company_is_read_with_its_sites(psa: Psa) -> None:
    company = psa.port.fetch_company(COMPANY)
    assert (company.id, company.active, company.deleted) == (COMPANY, True, False)
    assert [name for _, name in company.sites] == ["Main"]


@pytest.mark.parametrize("number", ["99999", "none"])
def test_what_does_not_exist_is_not_found(psa: Psa, number: str) -> None:
    with pytest.raises(NotFoundError):
        psa.port.fetch_company(number)
    with pytest.raises(NotFoundError):
        psa.port.fetch_contact(number)


# --- matching ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entra_id", "emails"),
    [
        (object_id(7), []),
        (object_id(8), ["INFO@contoso.example"]),
        (object_id(8), ["nobody@contoso.example", "a+B'C@contoso.example"]),
    ],
    ids=["object id", "mail", "alias"],
)
def test_contact_is_found_folded_for_case(psa: Psa, entra_id: str, emails: list[str]) -> None:
    wanted = psa.add(emails=("info@contoso.example", "A+b'c@contoso.example"), entra_id=object_id(7).upper())
    psa.add(emails=("xa+b'c@contoso.example",))
    psa.add()  # neither address nor object id
    psa.add(company=OTHER_COMPANY, emails=("info@contoso.example",), entra_id=object_id(7))
    found = psa.port.find_contacts([COMPANY], entra_id=entra_id, emails=emails)
    assert [contact.id for contact in found] == [wanted]


def test_contact_is_found_by_its_object_id_alone(psa: Psa) -> None:
    wanted = psa.add(emails=("a@contoso.example",), entra_id=object_id(7))
    psa.add(emails=("b@contoso.example",), entra_id=object_id(8))
    psa.add(emails=("c@contoso.example",))
    found = psa.port.find_contacts([COMPANY], entra_id=object_id(7).upper(), emails=())
    assert [contact.id for contact in found] == [wanted]
    assert psa.port.find_contacts([COMPANY], entra_id=object_id(9), emails=()) == ()


def test_look_up_spans_companies_and_inactive_contacts(psa: Psa) -> None:
    ids = {
        psa.add(emails=("a@contoso.example",), active=False),
        psa.add(company=OTHER_COMPANY, emails=("a@contoso.example",)),
        psa.add(entra_id=object_id(7)),
    }
    found = psa.port.find_contacts([OTHER_COMPANY, COMPANY], entra_id=object_id(7), emails=["a@contoso.example"])
    assert {contact.id for contact in found} == ids


@pytest.mark.parametrize("address", STRANGE)
def test_strange_address_is_found_exactly(psa: Psa, address: str) -> None:
    wanted = psa.add(emails=(address,))
    psa.add(emails=("abc@x.example",))
    found = psa.port.find_contacts([COMPANY], entra_id=object_id(1), emails=[address])
    assert [contact.id for contact in found] == [wanted]


def test_many_addresses_are_looked_up(psa: Psa) -> None:
    wanted = psa.add(emails=("a39@a-long-domain-name-of-a-customer.contoso.example",))
    addresses = [f"a{number}@a-long-domain-name-of-a-customer.contoso.example" for number in range(40)]
    found = psa.port.find_contacts([COMPANY], entra_id=object_id(1), emails=addresses)
    assert [contact.id for contact in found] == [wanted]


def test_namesakes_are_found_folded_for_case_and_exactly(psa: Psa) -> None:
    ids = {psa.add(first_name="Ann", last_name='O"Brien'), psa.add(first_name="ANN", last_name='o"brien', active=False)}
    psa.add(first_name="Ann", last_name="Brien")
    psa.add(first_name="Joann", last_name='O"Brien')
    found = psa.port.find_namesakes([COMPANY], first_name="ann", last_name='O"BRIEN')
    assert {contact.id for contact in found} == ids


# --- writing ----------------------------------------------------------------------------------------------------------


def test_created_contact_is_returned_as_it_is_then_read(psa: Psa) -> None:
    wanted = draft(last_name="Exämple Łukasz-山田", email="Ann@contoso.example", phone="+49 30 123", job_title="Käufer")
    contact = psa.port.create_contact(wanted, permit=permit)
    assert contact == psa.port.fetch_contact(contact.id) == everything(psa)[0]
    assert own(contact) == wanted.fields
    assert (contact.company_id, contact.active, contact.entra_id) == (COMPANY, True, object_id(1))
    assert contact.emails == ("Ann@contoso.example",)


def test_contact_is_created_at_the_site_that_is_asked_for(psa: Psa) -> None:
    [(site_id, _)] = psa.port.fetch_company(COMPANY).sites
    contact = psa.port.create_contact(draft().model_copy(update={"site_id": site_id}), permit=permit)
    assert contact.site_id == site_id


def test_every_mapped_field_is_written_changed_and_cleared(psa: Psa) -> None:
    specs = mapped(psa.port)
    contact = psa.port.create_contact(draft(**{spec.name: sample(spec) for spec in specs}), permit=permit)
    assert own(contact) == {spec.name: sample(spec) for spec in specs if spec.name not in DERIVED}
    for spec in specs:
        wanted = change(contact, fields={spec.name: sample(spec, turn=1)})
        after = psa.port.update_contact(wanted, permit=permit)
        assert own(after) == {**own(contact), spec.name: sample(spec, turn=1)}
        assert after == psa.port.fetch_contact(contact.id)
        contact = after
    names = ("first_name", "last_name")
    optional = [spec.name for spec in specs if not spec.required and spec.name not in names]
    cleared = psa.port.update_contact(change(contact, fields=dict.fromkeys(optional)), permit=permit)
    assert set(own(cleared)) == {spec.name for spec in specs} - set(optional)
    assert cleared == psa.port.fetch_contact(contact.id)


def test_update_writes_the_differences_and_nothing_else(psa: Psa) -> None:
    before = psa.port.create_contact(draft(job_title="Buyer", phone="+49 1 23", mobile_phone="+49 1 7"), permit=permit)
    wanted = change(before, fields={"job_title": "Chief", "phone": None}, entra_id=object_id(2))
    after = psa.port.update_contact(wanted, permit=permit)
    expected = {**before.fields, "job_title": "Chief"}
    del expected["phone"]
    assert (after.fields, after.entra_id) == (expected, object_id(2))
    assert after == psa.port.fetch_contact(before.id)


def test_repeated_update_writes_the_same_values(psa: Psa) -> None:
    before = psa.port.create_contact(draft(email="a@contoso.example", job_title="Buyer"), permit=permit)
    wanted = change(before, fields={"email": "b@contoso.example", "job_title": None, "last_name": "Sample"})
    after = psa.port.update_contact(wanted, permit=permit)
    assert psa.port.update_contact(wanted, permit=permit) == after


def test_change_of_nothing_changes_nothing(psa: Psa) -> None:
    before = psa.port.create_contact(draft(email="a@contoso.example"), permit=permit)
    assert psa.port.update_contact(change(before), permit=permit) == before == psa.port.fetch_contact(before.id)


def test_contact_is_deactivated_and_reactivated(psa: Psa) -> None:
    contact = psa.port.create_contact(draft(), permit=permit)
    for active in (False, True):
        assert psa.port.update_contact(change(contact, active=active), permit=permit).active is active
        assert psa.port.fetch_contact(contact.id).active is active


def test_new_address_takes_the_place_of_the_default_and_the_others_stay(psa: Psa) -> None:
    contact = psa.port.fetch_contact(psa.add(emails=("old@contoso.example", "alias@contoso.example")))
    after = psa.port.update_contact(change(contact, fields={"email": "new@contoso.example"}), permit=permit)
    assert after.fields["email"] == "new@contoso.example"
    assert set(after.emails) == {"new@contoso.example", "alias@contoso.example"}


@pytest.mark.topic("move")
def test_only_a_move_changes_the_company(psa: Psa) -> None:
    contact = psa.port.fetch_contact(psa.add())
    wanted = change(contact, moves=True).model_copy(update={"company_id": OTHER_COMPANY})
    assert psa.port.update_contact(wanted, permit=permit).company_id == OTHER_COMPANY
    assert everything(psa) == []


def test_update_of_a_deleted_contact_says_so(psa: Psa) -> None:
    contact = psa.port.fetch_contact(psa.add())
    psa.delete(contact.id)
    with pytest.raises(NotFoundError):
        psa.port.update_contact(change(contact, active=False), permit=permit)


@pytest.mark.topic("lengths")
def test_value_of_the_longest_length_fits_and_one_more_is_refused_with_its_field(psa: Psa) -> None:
    spec = next(spec for spec in psa.port.fetch_schema().fields if spec.name == "job_title")
    assert spec.max_length
    contact = psa.port.create_contact(draft(job_title="ä" * spec.max_length), permit=permit)
    assert contact.fields["job_title"] == "ä" * spec.max_length
    with pytest.raises(RecordError) as caught:
        psa.port.create_contact(draft(job_title="x" * (spec.max_length + 1)), permit=permit)
    assert caught.value.field == "job_title"
    assert psa.port.count_contacts(COMPANY) == 1


def test_contact_of_a_company_that_does_not_exist_is_refused(psa: Psa) -> None:
    with pytest.raises(RecordError):
        psa.port.create_contact(draft().model_copy(update={"company_id": "99999"}), permit=permit)


def test_write_without_a_permit_does_not_happen(psa: Psa) -> None:
    def no() -> float:
        raise TransientError("write_deadline_passed", vendor="worker")

    with pytest.raises(TransientError):
        psa.port.create_contact(draft(), permit=no)
    assert everything(psa) == []


@pytest.mark.topic("lost answers")
def test_lost_answer_of_a_creation_leaves_a_contact_that_a_look_up_finds(warm: Psa) -> None:
    warm.lose_answer("create")
    with pytest.raises(AnswerLostError):
        warm.port.create_contact(draft(email="ann@contoso.example"), permit=permit)
    found = warm.port.find_contacts([COMPANY], entra_id=object_id(1), emails=["ann@contoso.example"])
    assert len(found) == len(everything(warm)) == 1


@pytest.mark.topic("lost answers")
def test_lost_answer_of_an_update_leaves_it_written(psa: Psa) -> None:
    contact = psa.port.create_contact(draft(), permit=permit)
    psa.lose_answer("update")
    with pytest.raises(AnswerLostError):
        psa.port.update_contact(change(contact, fields={"job_title": "Chief"}), permit=permit)
    assert psa.port.fetch_contact(contact.id).fields["job_title"] == "Chief"


def test_read_only_port_reads_all_and_writes_nothing(psa: Psa) -> None:
    contact = psa.port.fetch_contact(psa.add(emails=("a@contoso.example",)))
    port = ReadOnlyContacts(psa.port)
    assert port.fetch_contact(contact.id) == contact
    assert port.find_contacts([COMPANY], entra_id="", emails=["a@contoso.example"]) == (contact,)
    assert port.find_namesakes([COMPANY], first_name="Bob", last_name="-")[:1] == (contact,)
    assert port.fetch_contacts(COMPANY)[0] == (contact,)
    assert (port.count_contacts(COMPANY), port.fetch_company(COMPANY).id) == (1, COMPANY)
    assert port.fetch_schema() == psa.port.fetch_schema()
    with pytest.raises(ReadOnlyError):
        port.create_contact(draft(), permit=permit)
    with pytest.raises(ReadOnlyError):
        port.update_contact(change(contact, active=False), permit=permit)
    assert everything(psa) == [contact]
    assert psa.writes() == []


# --- trouble ----------------------------------------------------------------------------------------------------------


@pytest.mark.topic("faults")
@pytest.mark.parametrize(("kind", "keys"), SHORT_TROUBLE, ids=str)
def test_short_trouble_of_a_read_is_waited_out(warm: Psa, kind: str, keys: dict[str, Any]) -> None:
    contact_id = warm.add()
    warm.trouble(kind, **keys)
    page, _ = warm.port.fetch_contacts(COMPANY)
    assert [contact.id for contact in page] == [contact_id]


@pytest.mark.topic("faults")
@pytest.mark.parametrize(("kind", "keys"), [("429", {"retry_after": 120}), ("status", {"status": 502, "body": "html"})])
def test_long_trouble_of_a_read_is_transient(warm: Psa, kind: str, keys: dict[str, Any]) -> None:
    warm.trouble(kind, times=None, **keys)
    with pytest.raises(TransientError) as caught:
        warm.port.fetch_contacts(COMPANY)
    assert caught.value.retry_after_s == keys.get("retry_after")


@pytest.mark.topic("faults")
def test_asked_pause_stops_the_whole_instance(psa: Psa) -> None:
    budget = DiaryBudget()
    port = psa.contacts(budget=budget)
    port.fetch_schema()
    psa.trouble("429", retry_after=120)
    with pytest.raises(TransientError):
        port.fetch_contacts(COMPANY)
    assert budget.diary[-1] == "pause 120"


@pytest.mark.topic("faults")
@pytest.mark.parametrize("on", ["create", "update"])
@pytest.mark.parametrize(("kind", "keys"), MAYBE_TAKEN, ids=str)
def test_write_that_may_have_happened_is_never_repeated(psa: Psa, kind: str, keys: dict[str, Any], on: On) -> None:
    port = psa.port
    contact = port.create_contact(draft(job_title="Buyer"), permit=permit)
    wanted = change(contact, fields={"job_title": "Chief"})
    writes: Mapping[On, Callable[[], Contact]] = {
        "create": lambda: port.create_contact(draft(), permit=permit),
        "update": lambda: port.update_contact(wanted, permit=permit),
    }
    psa.trouble(kind, on, **keys)
    with pytest.raises(AnswerLostError):
        writes[on]()
    happened = kind in ("lost_answer", "truncate")
    assert len(everything(psa)) == (2 if happened and on == "create" else 1)
    title = "Chief" if happened and on == "update" else "Buyer"
    assert port.fetch_contact(contact.id).fields["job_title"] == title


@pytest.mark.topic("faults")
@pytest.mark.parametrize("on", ["read", "create", "update"])
@pytest.mark.parametrize(("keys", "least_s"), THROTTLED, ids=str)
def test_throttled_call_is_waited_out_and_repeated(warm: Psa, keys: dict[str, Any], least_s: float, on: On) -> None:
    contact = warm.port.create_contact(draft(), permit=permit)
    calls: Mapping[On, Callable[[], object]] = {
        "read": lambda: warm.port.fetch_contacts(COMPANY),
        "create": lambda: warm.port.create_contact(draft(), permit=permit),
        "update": lambda: warm.port.update_contact(change(contact, fields={"job_title": "Chief"}), permit=permit),
    }
    warm.trouble("429", on, **keys)
    warm.slept.clear()
    calls[on]()
    assert sum(warm.slept) >= least_s
    assert len(everything(warm)) == (2 if on == "create" else 1)


@pytest.mark.topic("faults")
def test_slow_write_is_given_up_at_its_deadline(warm: Psa) -> None:
    warm.trouble("slow", "create", seconds=5)
    started = time.monotonic()
    with pytest.raises(AnswerLostError):
        warm.port.create_contact(draft(), permit=lambda: 0.5)
    assert time.monotonic() - started < 2


@pytest.mark.topic("faults")
@pytest.mark.parametrize("value", [None, "", "text", 7, True, [], {"id": 1, "parts": [None]}], ids=repr)
def test_fields_that_nobody_knows_change_nothing(warm: Psa, value: object) -> None:
    contact = warm.port.create_contact(draft(email="a@contoso.example", job_title="Buyer"), permit=permit)
    warm.answer_with(contact.id)
    known = warm.port.fetch_contact(contact.id)
    assert own(known) == own(contact)
    warm.answer_with(contact.id, fieldOfTomorrow=value)
    assert warm.port.fetch_contact(contact.id) == known


@pytest.mark.topic("faults")
@pytest.mark.parametrize("empty", [None, ""])
def test_null_and_empty_text_are_an_absent_field(warm: Psa, empty: str | None) -> None:
    contact = warm.port.create_contact(draft(job_title="Buyer"), permit=permit)
    warm.answer_with(contact.id, title=empty)  # each vendor's name of it
    assert own(warm.port.fetch_contact(contact.id)) == {"first_name": "Ann", "last_name": "Example"}


@pytest.mark.topic("faults")
@pytest.mark.parametrize("status", [200, 400, 404, 500])
def test_page_for_people_is_no_empty_company(warm: Psa, status: int) -> None:
    warm.add()
    warm.trouble("status", status=status, body="html", times=None)
    with pytest.raises(SyncError) as caught:
        warm.port.fetch_contacts(COMPANY)
    assert not isinstance(caught.value, RecordError)


# --- keys and cost ----------------------------------------------------------------------------------------------------


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
    contact = port.create_contact(draft(email="a@contoso.example"), permit=permit)
    port.fetch_contacts(COMPANY)
    wanted = ContactChange(contact_id=contact.id, company_id=COMPANY, fields={"email": "b@contoso.example"})
    calls: Mapping[str, Callable[[], object]] = {
        "fetch_schema": port.fetch_schema,
        "fetch_company": lambda: port.fetch_company(COMPANY),
        "fetch_contacts": lambda: port.fetch_contacts(COMPANY),
        "count_contacts": lambda: port.count_contacts(COMPANY),
        "fetch_contact": lambda: port.fetch_contact(contact.id),
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
