"""The mass-change guard: what counts as which kind, and how much of it is let through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.records import Churn, ContactChange, ContactDraft, Planned
from tasks.connector import Guard
from tasks.guarding import (
    churn_of,
    explain_hold,
    find_excesses,
    fingerprint_of,
    held_row,
    kinds_of,
    kinds_written,
    limit_of,
)
from tests.unit.tasks.makers import ANN_ID, make_user

GUARD = Guard()


def planned(**facts: object) -> Planned:
    return Planned.model_validate({"user": make_user(), "read_at_ms": 7, **facts})


def update(*fields: str, active: bool | None = None) -> Planned:
    change = ContactChange(contact_id="1", company_id="250", fields=dict.fromkeys(fields, "new"), active=active)
    names = (*fields, *(["active"] if active is not None else []))
    return planned(change=change, changed_fields=names, before=dict.fromkeys(names, "old"))


def test_kinds_of_change() -> None:
    creation = planned(draft=ContactDraft(company_id="250", entra_id=ANN_ID, fields={"first_name": "Ann"}))
    assert kinds_of(creation) == ("creations",)
    assert kinds_of(update(active=False)) == ("deactivations",)
    assert kinds_of(update("phone", "email", active=True)) == ("rewrites.phone", "rewrites.email", "rewrites.active")


@pytest.mark.parametrize(
    ("operation", "changes", "kinds"),
    [
        ("create", {"first_name": [None, "Ann"]}, ("creations",)),
        ("update", {"active": ["true", "false"]}, ("deactivations",)),
        ("update", {"active": ["false", "true"], "phone": ["1", "2"]}, ("rewrites.active", "rewrites.phone")),
        ("update", {"site_id": ["7", "9"], "entra_id": [None, "id"]}, ("rewrites.site",)),
    ],
)
def test_journal_tells_the_kinds_of_what_was_written(
    operation: str, changes: dict[str, list[str | None]], kinds: tuple[str, ...]
) -> None:
    assert kinds_written({"operation": operation, "changes": changes}) == kinds


def test_writing_the_object_id_is_outside_the_guard() -> None:
    assert kinds_of(update("entra_id")) == ()
    assert kinds_of(update("entra_id", "phone")) == ("rewrites.phone",)


@pytest.mark.parametrize(
    ("contacts", "usual", "limit"),
    [
        (1000, 0.0, 50),  # a share
        (60, 0.0, 5),  # the number
        (60, 4.0, 20),  # the usual, five times
        (1000, 4.0, 50),
        (29, 0.0, 5),  # small ones have a share of their own
        (10, 0.0, 2),
        (4, 0.0, 1),  # and a number
        (0, 0.0, 1),
        (10, 1.0, 5),
    ],
)
def test_limit_is_the_greatest_of_number_share_and_usual(contacts: int, usual: float, limit: int) -> None:
    assert limit_of(GUARD.deactivations, guard=GUARD, contacts=contacts, usual=usual) == limit


@given(contacts=st.integers(2, 10**6), more=st.integers(0, 1000))
def test_by_its_own_limits_a_customer_never_loses_everybody(contacts: int, more: int) -> None:
    found = find_excesses({"deactivations": contacts + more}, guard=GUARD, contacts=contacts, churn=())
    assert [excess.kind for excess in found] == ["deactivations"]


def test_each_field_is_counted_by_itself() -> None:
    tally = {"rewrites.phone": 400, "rewrites.email": 300, "rewrites.active": 301, "creations": 250, "deactivations": 1}
    found = find_excesses(tally, guard=GUARD, contacts=1000, churn=())
    assert [(each.field, each.number, each.limit) for each in found] == [("active", 301, 300), ("phone", 400, 300)]
    assert find_excesses({}, guard=GUARD, contacts=0, churn=()) == []


def test_usual_is_the_mean_of_the_last_runs_and_unknown_while_they_are_few() -> None:
    busy = Churn(creations=40, deactivations=40, rewrites={"phone": 200})
    tally = {"creations": 200, "deactivations": 200, "rewrites.phone": 1000, "rewrites.email": 31}
    few = find_excesses(tally, guard=GUARD, contacts=100, churn=[busy] * 4)
    many = find_excesses(tally, guard=GUARD, contacts=100, churn=[busy] * 5)
    assert [each.name for each in few] == ["creations", "deactivations", "rewrites.email", "rewrites.phone"]
    assert [each.name for each in many] == ["rewrites.email"]


def test_what_was_held_is_not_taken_for_usual() -> None:
    tally = {"creations": 3, "deactivations": 900, "rewrites.phone": 900, "rewrites.email": 2}
    churn = churn_of(tally, held={"deactivations", "rewrites.phone"})
    assert churn == Churn(creations=3, deactivations=None, rewrites={"email": 2})
    assert churn_of({}) == Churn(creations=0, deactivations=0)


def test_held_row_says_old_and_new_values() -> None:
    one = update("phone", "job_title")
    row = held_row(one, ["rewrites.phone"])
    assert row["operation"] == "update"
    assert row["kinds"] == ["rewrites.phone"]
    assert row["before"] == {"phone": "old", "job_title": "old"}
    assert row["after"] == {"phone": "new", "job_title": "new"}
    assert (row["office365_id"], row["psa_contact_id"], row["read_at_ms"]) == (ANN_ID, "1", 7)
    off = held_row(update(active=False), ["deactivations"])
    assert (off["operation"], off["after"]) == ("deactivate", {"active": "false"})


def test_fingerprint_is_of_exactly_this_change() -> None:
    one = update("phone")
    same = one.model_copy(update={"read_at_ms": 99})
    others = [
        update("email"),
        update("phone", active=True),
        one.model_copy(update={"before": {"phone": "another"}}),
        one.model_copy(update={"user": make_user(id="4f6c0a1e-0000-4000-8000-00000000a009")}),
    ]
    assert fingerprint_of(one) == fingerprint_of(same)
    assert fingerprint_of(one) not in {fingerprint_of(other) for other in others}


def test_hold_is_explained_with_numbers_and_what_to_do() -> None:
    found = find_excesses({"rewrites.phone": 400, "deactivations": 60}, guard=GUARD, contacts=1000, churn=())
    message = explain_hold(found, run_id="r1")
    assert "60 deactivations, more than the 50" in message
    assert "400 contacts whose phone would change, more than the 300" in message
    assert "contact-sync report r1 --held" in message
