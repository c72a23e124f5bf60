"""Throttling, break-downs and strange answers, asked of every adapter alike."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from adapters.errors import (
    AnswerLostError,
    RecordError,
    SyncError,
    TransientError,
)
from adapters.records import Contact
from tests.contract.kit.looking import everything, own
from tests.contract.kit.psa import COMPANY, On, Psa, change, draft, permit
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
    warm.trouble("slow", "create", seconds=15)
    started = time.monotonic()
    with pytest.raises(AnswerLostError):
        warm.port.create_contact(draft(), permit=lambda: 0.5)
    assert time.monotonic() - started < 10


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
