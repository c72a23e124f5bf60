"""Whoever leaves is noticed in every mode; his contact is switched off only where that is wanted and proved."""

from typing import Any

import pytest

from adapters.errors import NotFoundError, ResyncError, SyncError, WireError
from adapters.records import Contact, User
from tests.fakes.engine import Engine
from tests.fakes.reports import Json, codes, counts, names

PEOPLE = ("ann", "bob", "cid", "dan", "eva", "fay", "gus", "hal", "ida", "joe")


def furnish(engine: Engine, **policies: Any) -> dict[str, User]:
    """Give ten people a contact each, and bring contoso to where incremental runs go on from."""
    users = {name: engine.directory.add_user(name, business_phones=("1",)) for name in PEOPLE}
    engine.configure(**{"on_leaver": "deactivate", **policies})
    engine.run(sync_mode="full")
    engine.run()
    return users


def contact_of(engine: Engine, name: str) -> Contact:
    """Return the one contact that has this user's address."""
    (found,) = (contact for contact in engine.psa.contacts.values() if f"{name}@contoso.com" in contact.emails)
    return found


def inactive(engine: Engine) -> list[str]:
    """Return the first names of the contacts that are switched off."""
    return sorted(contact.fields["first_name"] for contact in engine.psa.contacts.values() if not contact.active)


def protect(engine: Engine, name: str, role: str = "default") -> Contact:
    """Make somebody's contact the company's default one."""
    contact = contact_of(engine, name)
    engine.psa.contacts[contact.id] = contact.model_copy(update={"protected": role})
    return contact


def assert_deactivated(report: Json, engine: Engine, name: str) -> None:
    """Check that exactly this contact was switched off, and how the report says it."""
    assert inactive(engine) == [name.title()]
    assert counts(report)[:2] == (0, 1)
    (row,) = report["deactivated_contacts"]
    assert row in report["updated_contacts"]
    assert row["changed_fields"] == ["active"]
    assert row["psa_contact_id"] == contact_of(engine, name).id
    assert report["statistics"]["contacts_deactivated"] == 1
    assert report["success"]


LEAVING = {
    "disabled": lambda engine, user: engine.directory.change_user(user.id, account_enabled=False),
    "deleted": lambda engine, user: engine.directory.delete_user(user.id),
    "deleted for good": lambda engine, user: engine.directory.delete_user(user.id, permanently=True),
}


@pytest.mark.parametrize("how", LEAVING)
@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_whoever_left_has_his_contact_switched_off_once(engine: Engine, how: str, mode: str) -> None:
    users = furnish(engine)
    LEAVING[how](engine, users["bob"])
    report = engine.run(sync_mode=mode)
    assert_deactivated(report, engine, "bob")
    assert engine.psa.writes[-1].written.model_dump(exclude_defaults=True) == {
        "contact_id": contact_of(engine, "bob").id,
        "company_id": "250",
        "active": False,
    }
    if how != "deleted for good":  # of whom nothing but the object id is left
        assert names(report, "updated_contacts") == ["bob"]
    writes = len(engine.psa.writes)
    for again in ("incremental", "full", "incremental"):
        report = engine.run(sync_mode=again)
        assert report["success"]
        assert codes(report, "warnings") == []
    assert len(engine.psa.writes) == writes


@pytest.mark.parametrize("how", LEAVING)
def test_full_run_without_a_delta_knows_it_from_the_list_alone(engine: Engine, how: str) -> None:
    users = furnish(engine)
    LEAVING[how](engine, users["bob"])
    engine.directory.expire_delta_links()
    report = engine.run()
    assert report["sync_mode"] == "full"
    assert_deactivated(report, engine, "bob")


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_event_of_one_user_switches_his_contact_off(engine: Engine, how: str) -> None:
    users = furnish(engine)
    LEAVING[how](engine, users["bob"])
    report = engine.run(user_principal_names=[users["bob"].id])
    assert_deactivated(report, engine, "bob")
    assert report["errors"] == []


def test_user_that_is_not_found_is_no_leaver_without_a_proof(engine: Engine) -> None:
    users = furnish(engine)
    engine.directory.delete_user(users["bob"].id, permanently=True)
    report = engine.run(user_principal_names=[users["bob"].id])
    assert inactive(engine) == []
    assert codes(report, "warnings") == ["UserLeft"]
    assert "nothing proves" in report["warnings"][0]["message"]
    assert [row["rule"] for row in report["excluded"]] == ["deleted"]
    assert_deactivated(engine.run(), engine, "bob")  # by its tombstone


def test_names_and_ids_of_strangers_stay_errors(engine: Engine) -> None:
    furnish(engine)
    wanted = ["nobody@contoso.com", "00000000-0000-4000-8000-0000000000ff"]
    report = engine.run(user_principal_names=wanted)
    assert codes(report) == ["UserNotFound", "UserNotFound"]
    assert report["statistics"]["users_processed"] == 2


@pytest.mark.parametrize("mode", ["full", "incremental"])
@pytest.mark.parametrize("how", LEAVING)
def test_by_default_a_leaver_is_reported_and_nothing_written(engine: Engine, how: str, mode: str) -> None:
    users = furnish(engine, on_leaver="report")
    LEAVING[how](engine, users["bob"])
    writes = len(engine.psa.writes)
    report = engine.run(sync_mode=mode)
    assert codes(report, "warnings") == ["UserLeft"]
    assert contact_of(engine, "bob").id in report["warnings"][0]["message"]
    (row,) = report["excluded"]
    assert row["office365_id"] == users["bob"].id
    assert row["rule"] == ("disabled" if how == "disabled" else "deleted")
    assert row["display_name"] == "Bob Example"
    assert counts(report)[1] == 0
    assert report["statistics"]["contacts_deactivated"] == 0
    assert len(engine.psa.writes) == writes
    assert report["success"]


def test_returning_user_gets_the_same_contact_back(engine: Engine) -> None:
    users = furnish(engine)
    before = contact_of(engine, "bob")
    for leave, come_back in (
        (lambda: engine.directory.delete_user(users["bob"].id), lambda: engine.directory.restore_user(users["bob"].id)),
        (
            lambda: engine.directory.change_user(users["bob"].id, account_enabled=False),
            lambda: engine.directory.change_user(users["bob"].id, account_enabled=True),
        ),
    ):
        leave()
        assert_deactivated(engine.run(), engine, "bob")
        come_back()
        report = engine.run()
        assert codes(report, "warnings") == ["ContactReactivated"]
        assert contact_of(engine, "bob") == before
        assert len(engine.psa.contacts) == len(PEOPLE)


def test_protected_contact_stays_active_and_a_successor_is_named(engine: Engine) -> None:
    users = furnish(engine)
    protect(engine, "bob")
    engine.directory.change_user(users["bob"].id, account_enabled=False)
    for mode in ("full", "incremental"):
        engine.directory.change_user(users["bob"].id, job_title=mode)
        report = engine.run(sync_mode=mode)
        assert codes(report, "warnings") == ["PrimaryContactProtected"]
        assert contact_of(engine, "ann").id in report["warnings"][0]["message"]
        assert inactive(engine) == []
        assert [row["rule"] for row in report["excluded"]] == ["disabled"]


@pytest.mark.parametrize("by", ["name", "id", "contact"])
@pytest.mark.parametrize("how", LEAVING)
def test_contact_on_the_list_is_kept_active(engine: Engine, by: str, how: str) -> None:
    users = furnish(engine)
    named = {"name": "BOB@contoso.com", "id": users["bob"].id.upper(), "contact": contact_of(engine, "bob").id}
    engine.configure(keep_active=[named[by]])
    LEAVING[how](engine, users["bob"])
    report = engine.run()
    assert codes(report, "warnings") == ["ContactKeptActive"]
    assert inactive(engine) == []


def test_nobody_leaves_by_an_address_that_is_not_found(engine: Engine) -> None:
    users = furnish(engine)
    engine.psa.add_contact(first_name="Supplier", email="supplier@contoso.com")
    engine.psa.add_contact(first_name="Zoe", email="zoe@contoso.com")
    engine.directory.add_user("zoe", account_enabled=False)  # her address alone makes it not hers
    engine.directory.change_user(users["bob"].id, account_enabled=False)
    assert_deactivated(engine.run(sync_mode="full"), engine, "bob")


def test_contact_that_carries_the_object_id_is_enough(engine: Engine) -> None:
    furnish(engine)
    zoe = engine.directory.add_user("zoe", account_enabled=False)
    engine.psa.add_contact(first_name="Zoe", emails=["z@elsewhere.example"], entra_id=zoe.id.upper())
    report = engine.run()
    assert inactive(engine) == ["Zoe"]
    assert report["statistics"]["contacts_deactivated"] == 1


def test_deleted_user_of_whom_only_the_object_id_on_a_contact_tells(engine: Engine) -> None:
    furnish(engine)
    zoe = engine.directory.add_user("zoe")
    engine.psa.add_contact(first_name="Zoe", emails=["z@elsewhere.example"], entra_id=zoe.id)
    engine.psa.add_contact(first_name="Yan", entra_id="00000000-0000-4000-8000-0000000000ff")  # a stranger
    engine.directory.delete_user(zoe.id)
    engine.directory.forget_changes()
    engine.directory.expire_delta_links()
    report = engine.run()
    assert inactive(engine) == ["Zoe"]
    assert names(report, "deactivated_contacts") == ["zoe"]
    assert codes(engine.run(sync_mode="full"), "warnings") == []


def test_contact_that_somebody_else_was_given_stays_active(engine: Engine) -> None:
    users = furnish(engine)
    bob = contact_of(engine, "bob")
    other = engine.directory.add_user("other", mail="other@elsewhere.example", proxy_addresses=())
    engine.psa.contacts[bob.id] = bob.model_copy(update={"entra_id": other.id})
    engine.directory.change_user(users["bob"].id, account_enabled=False)
    engine.run(sync_mode="full")
    assert inactive(engine) == []


def test_linked_contact_of_which_nothing_is_the_users_any_more_stays_active(engine: Engine) -> None:
    users = furnish(engine)
    bob = contact_of(engine, "bob")
    fields = {"first_name": "Rita", "last_name": "Roe", "email": "rita@contoso.com"}
    engine.psa.contacts[bob.id] = bob.model_copy(
        update={"entra_id": None, "emails": ("rita@contoso.com",), "fields": fields}
    )
    engine.directory.delete_user(users["bob"].id)
    for mode in ("incremental", "full"):
        report = engine.run(sync_mode=mode)
        assert inactive(engine) == []
        assert codes(report, "warnings") == ["UserLeft"]
        assert "left alone" in report["warnings"][0]["message"]


@pytest.mark.parametrize(
    "error",
    [WireError("request_refused", vendor="graph", status=400), NotFoundError("not_found", vendor="graph", status=404)],
    ids=lambda error: type(error).__name__,
)
def test_tenant_that_lists_no_deleted_users_goes_on_without(engine: Engine, error: SyncError) -> None:
    users = furnish(engine)
    engine.directory.delete_user(users["bob"].id)
    engine.directory.fail("fetch_deleted_users", error)
    assert_deactivated(engine.run(), engine, "bob")


def test_list_of_deleted_users_that_expires_begins_anew(engine: Engine) -> None:
    users = furnish(engine)
    engine.directory.page_size = 1
    for name in ("bob", "cid"):
        engine.directory.delete_user(users[name].id)
    engine.directory.fail("fetch_deleted_users", ResyncError("page_link_expired", vendor="graph", status=400), times=2)
    report = engine.run()
    assert names(report, "deactivated_contacts") == ["bob", "cid"]


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_successor_under_the_same_address_takes_the_contact_over_and_it_stays_active(engine: Engine, mode: str) -> None:
    users = furnish(engine)
    before = contact_of(engine, "bob")
    engine.directory.delete_user(users["bob"].id)
    again = engine.directory.add_user("bob", business_phones=("1",))
    report = engine.run(sync_mode=mode)
    assert codes(report, "warnings") == ["ContactRelinked"]
    assert inactive(engine) == []
    assert contact_of(engine, "bob").id == before.id
    assert contact_of(engine, "bob").entra_id == again.id
    assert counts(engine.run(sync_mode="full")) == (0, 0, len(PEOPLE), 0)
    assert inactive(engine) == []


def test_out_of_scope_is_a_policy_of_its_own(engine: Engine) -> None:
    furnish(engine)
    engine.configure(office365_sync_filter="user.surname == 'Nobody'", fingerprint="f2")
    report = engine.run()
    assert report["sync_mode"] == "full"
    assert inactive(engine) == []
    assert set(codes(report, "warnings")) == {"ModeChanged", "UserOutOfScope"}
    assert len(report["excluded"]) == len(PEOPLE)
    assert counts(report) == (0, 0, 0, 0)


def test_out_of_scope_deactivates_where_that_is_wanted(engine: Engine) -> None:
    users = furnish(engine, on_leaver="report", on_out_of_scope="deactivate")
    engine.directory.change_user(users["bob"].id, mail=None)
    assert_deactivated(engine.run(), engine, "bob")
    engine.directory.change_user(users["cid"].id, account_enabled=False)
    report = engine.run()
    assert codes(report, "warnings") == ["UserLeft"]
    assert inactive(engine) == ["Bob"]


@pytest.mark.parametrize(
    "inputs",
    [{"department_filter": "Sales"}, {"office_location_filter": "Berlin"}, {"update_existing": False}],
    ids=lambda inputs: next(iter(inputs)),
)
def test_run_that_looks_at_some_only_lets_nobody_leave(engine: Engine, inputs: Json) -> None:
    users = furnish(engine, on_out_of_scope="deactivate")
    engine.directory.change_user(users["bob"].id, account_enabled=False)
    engine.directory.delete_user(users["cid"].id)
    engine.run(sync_mode="full", **inputs)
    assert inactive(engine) == []
    assert engine.psa.calls["update_contact"] == 0


def test_disabled_users_that_are_asked_for_keep_their_contact_active(engine: Engine) -> None:
    users = furnish(engine)
    engine.directory.change_user(users["bob"].id, account_enabled=False, job_title="Former buyer")
    report = engine.run(sync_mode="full", skip_disabled_users=False)
    assert [row["changed_fields"] for row in report["updated_contacts"]] == [["job_title"]]
    assert inactive(engine) == []


def test_dry_run_says_who_would_be_switched_off(engine: Engine) -> None:
    users = furnish(engine)
    engine.directory.change_user(users["bob"].id, account_enabled=False)
    report = engine.run(sync_mode="full", dry_run=True)
    assert inactive(engine) == []
    assert names(report, "deactivated_contacts") == ["bob"]
    assert report["statistics"]["contacts_deactivated"] == 1
    assert_deactivated(engine.run(), engine, "bob")


def test_leaver_that_came_back_before_the_write_keeps_his_contact(engine: Engine) -> None:
    users = furnish(engine)
    engine.directory.change_user(users["bob"].id, account_enabled=False)
    run_id = engine.request()
    engine.work(until="upsert")
    engine.directory.change_user(users["bob"].id, account_enabled=True)
    engine.work()
    assert counts(engine.report(run_id)) == (0, 0, 1, 0)
    assert inactive(engine) == []


@pytest.mark.parametrize("what", ["protected", "switched off", "deleted", "given away", "moved"])
def test_contact_that_changed_before_the_write_is_looked_at_again(engine: Engine, what: str) -> None:
    users = furnish(engine)
    bob = contact_of(engine, "bob")
    engine.directory.delete_user(users["bob"].id)
    run_id = engine.request()
    engine.work(until="upsert")
    changes: dict[str, Json] = {
        "protected": {"protected": "billing"},
        "switched off": {"active": False},
        "given away": {"entra_id": users["ann"].id},
        "moved": {"company_id": "999"},
    }
    if what == "deleted":
        engine.psa.remove_contact(bob.id)
    else:
        engine.psa.contacts[bob.id] = bob.model_copy(update=changes[what])
    writes = len(engine.psa.writes)
    engine.work()
    report = engine.report(run_id)
    assert counts(report) == (0, 0, 1, 0)
    assert len(engine.psa.writes) == writes
    told = {"protected": ["PrimaryContactProtected"], "moved": ["ContactMoved"]}
    assert codes(report, "warnings") == told.get(what, [])


@pytest.mark.parametrize("happened", [True, False])
def test_answer_that_is_lost_is_looked_for_before_anything_else(engine: Engine, *, happened: bool) -> None:
    users = furnish(engine)
    engine.directory.delete_user(users["bob"].id)
    engine.psa.lose_answer("update_contact", happened=happened)
    assert_deactivated(engine.run(), engine, "bob")
    assert [write.contact_id for write in engine.psa.writes].count(contact_of(engine, "bob").id) == 2


def test_refused_deactivation_is_an_error_and_is_tried_again(engine: Engine) -> None:
    users = furnish(engine)
    engine.directory.delete_user(users["bob"].id)
    engine.psa.refuse("update_contact", field="active")
    report = engine.run()
    assert codes(report) == ["ContactUpdateFailed"]
    assert inactive(engine) == []
    assert_deactivated(engine.run(), engine, "bob")
