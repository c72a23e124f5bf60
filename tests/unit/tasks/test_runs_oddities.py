"""Odd things that happen between two runs: nobody is doubled, nobody gets another one's contact."""

from typing import Any

import pytest

from adapters.records import User
from tests.fakes.engine import Engine
from tests.fakes.reports import codes, counts, names
from tests.unit.tasks.scene import settle


def user_named(engine: Engine, name: str) -> User:
    return next(user for user in engine.directory.users.values() if str(user.given_name).casefold() == name)


def contact_of(engine: Engine, user: User) -> Any:
    found = [each for each in engine.psa.contacts.values() if (each.entra_id or "").lower() == user.id.lower()]
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_three_users_whose_mails_rotate_keep_their_contacts(engine: Engine, mode: str) -> None:
    settle(engine, "ann", "bob", "cid")
    users = [user_named(engine, name) for name in ("ann", "bob", "cid")]
    before = {user.id: contact_of(engine, user).id for user in users}
    for user, other in zip(users, [*users[1:], users[0]], strict=True):
        engine.directory.change_user(user.id, mail=other.mail, proxy_addresses=(f"SMTP:{other.mail}",))
    report = engine.run(sync_mode=mode)
    assert counts(report) == (0, 3, 0, 0)
    assert {user.id: contact_of(engine, user).id for user in users} == before
    assert engine.run(sync_mode="full")["statistics"]["contacts_skipped"] == 3


def test_user_that_takes_a_leavers_mail_while_its_own_contact_stays(engine: Engine) -> None:
    settle(engine, "ann", "bob")
    ann, bob = user_named(engine, "ann"), user_named(engine, "bob")
    kept = contact_of(engine, bob).id
    engine.directory.delete_user(ann.id)
    engine.directory.change_user(bob.id, mail=ann.mail)
    report = engine.run()
    assert contact_of(engine, bob).id == kept
    assert counts(report)[0] == 0


def test_mail_that_is_removed_leaves_the_contact_alone_and_its_return_finds_it(engine: Engine) -> None:
    settle(engine, "ann")
    ann = user_named(engine, "ann")
    kept = contact_of(engine, ann)
    engine.directory.change_user(ann.id, mail=None, proxy_addresses=(), user_principal_name="ann.new@contoso.com")
    report = engine.run()
    assert [(row["rule"], row["user_principal_name"]) for row in report["excluded"]] == [
        ("no mail", "ann.new@contoso.com")
    ]
    assert codes(report, "warnings") == ["UserOutOfScope"]
    assert engine.psa.contacts[kept.id] == kept
    engine.directory.change_user(ann.id, mail="ann.other@contoso.com")
    again = engine.run()
    assert [(row["psa_contact_id"], row["changed_fields"]) for row in again["updated_contacts"]] == [
        (kept.id, ["email"])
    ]


def test_principal_names_that_differ_by_case_and_domain_are_two_people(engine: Engine) -> None:
    engine.directory.add_user("sam", mail="sam@contoso.com")
    engine.directory.add_user("SAM", mail="sam@fabrikam.com", user_principal_name="SAM@fabrikam.com", surname="Other")
    report = engine.run(sync_mode="full")
    assert counts(report) == (2, 0, 0, 0)
    assert counts(engine.run(sync_mode="full")) == (0, 0, 2, 0)


def test_ids_in_capitals_on_contacts_of_a_full_company_are_the_same_ids(engine: Engine) -> None:
    settle(engine, "ann", "bob")
    for contact_id, contact in list(engine.psa.contacts.items()):
        engine.psa.contacts[contact_id] = contact.model_copy(update={"entra_id": str(contact.entra_id).upper()})
    assert counts(engine.run(sync_mode="full")) == (0, 0, 2, 0)


def test_object_ids_that_somebody_swapped_between_two_contacts_double_nobody(engine: Engine) -> None:
    settle(engine, "ann", "bob")
    one, other = engine.psa.contacts.values()
    for contact, id_of in ((one, other), (other, one)):
        engine.psa.contacts[contact.id] = contact.model_copy(update={"entra_id": id_of.entra_id})
    for _ in range(2):
        report = engine.run(sync_mode="full")
        assert (counts(report)[0], len(engine.psa.contacts)) == (0, 2)
    for name in ("ann", "bob"):
        user = user_named(engine, name)
        assert contact_of(engine, user).fields["email"] == user.mail


def test_user_deleted_and_restored_between_two_runs_needs_nothing(engine: Engine) -> None:
    settle(engine, "ann", "bob")
    ann = user_named(engine, "ann")
    engine.directory.delete_user(ann.id)
    engine.directory.users[ann.id] = ann
    report = engine.run(sync_mode="full")
    assert (counts(report), codes(report, "warnings")) == ((0, 0, 2, 0), [])


def test_married_user_who_takes_the_very_name_of_a_colleague_is_no_namesake(engine: Engine) -> None:
    settle(engine, "ann", "bob")
    engine.directory.change_user(user_named(engine, "bob").id, given_name="Ann", surname="Example")
    report = engine.run()
    assert (counts(report)[:2], report["errors"]) == ((0, 1), [])


def test_second_contact_made_by_hand_for_a_linked_user_changes_nothing(engine: Engine) -> None:
    settle(engine, "ann")
    engine.psa.add_contact(first_name="Ann", last_name="Example", email="ann@contoso.com")
    report = engine.run(sync_mode="full")
    assert (counts(report), names(report, "errors")) == ((0, 0, 1, 0), [])


def test_edit_by_hand_of_everything_at_once_is_told_field_by_field(engine: Engine) -> None:
    settle(engine, "ann")
    (contact,) = engine.psa.contacts.values()
    spoilt = {**contact.fields, "first_name": "Nora", "last_name": "Otherwise", "email": "other@contoso.com"}
    engine.psa.contacts[contact.id] = contact.model_copy(update={"fields": spoilt, "emails": ("other@contoso.com",)})
    report = engine.run(sync_mode="full")
    assert [row["changed_fields"] for row in report["updated_contacts"]] == [["first_name", "last_name", "email"]]
    assert codes(report, "warnings").count("ManualEdit") == 3
    again = engine.run(sync_mode="full")
    assert (counts(again), codes(again, "warnings")) == ((0, 0, 1, 0), [])
