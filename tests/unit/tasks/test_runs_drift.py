"""What happened to our contacts in the PSA behind our back is reported; what two connectors claim is an alarm."""

from itertools import count as number_from
from typing import Any

import pytest

from adapters.records import Contact
from tasks.alerting import watching
from tests.fakes.directory import FakeDirectory
from tests.fakes.engine import TENANT, Engine
from tests.fakes.mortal import Death, Installations
from tests.fakes.reports import codes, counts
from worker.reviewing import waiting

OTHER_TENANT = "22222222-2222-4222-8222-222222222222"


def furnish(engine: Engine, **settings: Any) -> Contact:
    """Give Ann and Bob a contact each; return Ann's."""
    engine.psa.add_company("251")
    engine.directory.add_user("ann", business_phones=("1",))
    engine.directory.add_user("bob", business_phones=("1",))
    engine.configure(**settings)
    engine.run(sync_mode="full")
    return contact_of(engine, "ann")


def contact_of(engine: Engine, name: str) -> Contact:
    """Return the one contact that has this user's address."""
    (found,) = (contact for contact in engine.psa.contacts.values() if f"{name}@contoso.com" in contact.emails)
    return found


def change(engine: Engine, contact: Contact, **facts: Any) -> None:
    """Change a contact by hand."""
    engine.psa.contacts[contact.id] = contact.model_copy(update=facts)


def test_merged_contact_goes_on_as_the_one_that_is_left(engine: Engine) -> None:
    ann = furnish(engine)
    engine.psa.remove_contact(ann.id)
    left = engine.psa.add_contact(first_name="Ann", last_name="Example", email="ann@contoso.com", phone="1")
    report = engine.run(sync_mode="full")
    assert codes(report, "warnings") == ["ContactMerged"]
    assert ann.id in report["warnings"][0]["message"]
    assert left.id in report["warnings"][0]["message"]
    assert [row["changed_fields"] for row in report["updated_contacts"]] == [["entra_id"]]
    assert len(engine.psa.contacts) == 2
    assert codes(engine.run(sync_mode="full"), "warnings") == []


def test_object_id_that_was_taken_off_is_reported_and_put_back(engine: Engine) -> None:
    ann = furnish(engine)
    change(engine, ann, entra_id=None)
    report = engine.run(sync_mode="full")
    assert codes(report, "warnings") == ["ContactUnlinked"]
    assert contact_of(engine, "ann") == ann
    assert codes(engine.run(sync_mode="full"), "warnings") == []


def test_moved_contact_is_an_error_and_stays_where_it_was_put(engine: Engine) -> None:
    ann = furnish(engine)
    change(engine, ann, company_id="251")
    report = engine.run(sync_mode="full")
    assert codes(report) == ["CompanyMismatch"]
    assert contact_of(engine, "ann").company_id == "251"
    assert len(engine.psa.contacts) == 2


@pytest.mark.parametrize("how", ["deleted", "disabled", "excluded"])
@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_leavers_contact_that_was_moved_away_is_told_once_and_left_alone(engine: Engine, how: str, mode: str) -> None:
    ann = furnish(engine, on_leaver="deactivate", on_out_of_scope="deactivate")
    engine.run()
    change(engine, ann, company_id="251")
    user = next(user for user in engine.directory.users.values() if user.mail == "ann@contoso.com")
    if how == "deleted":
        engine.directory.delete_user(user.id)
    else:
        engine.directory.change_user(user.id, **({"account_enabled": False} if how == "disabled" else {"mail": None}))
    assert codes(engine.run(sync_mode=mode, dry_run=True), "warnings") == ["ContactMoved"]
    report = engine.run(sync_mode=mode)
    assert codes(report, "warnings") == ["ContactMoved"]
    assert ann.id in report["warnings"][0]["message"]
    assert "251" in report["warnings"][0]["message"]
    reads = engine.psa.calls["fetch_contact"]
    assert codes(engine.run(sync_mode="full"), "warnings") == []
    assert engine.psa.calls["fetch_contact"] == reads
    assert engine.psa.contacts[ann.id].active


def test_judge_that_dies_tells_all_the_same_of_a_contact_that_was_moved_away(opened: Installations) -> None:
    for calls in number_from(1):
        store = opened(f"s{calls}")
        engine = Engine(store)
        ann = furnish(engine)
        change(engine, ann, company_id="251")
        engine.directory.delete_user(next(iter(engine.directory.users)))
        run_id = engine.request(sync_mode="full")
        engine.work(until="judge")
        store.die_after(calls)
        try:
            engine.work(until="close_run")
        except Death:
            store.bury()
            engine.move_to(opened(f"s{calls}"))
        else:
            break
        assert codes(engine.recover(run_id), "warnings") == ["ContactMoved"]
        assert codes(engine.run(sync_mode="full"), "warnings") in ([], ["ContactMoved"])  # twice rather than never
    assert calls > 6, "too few steps: the deaths were not where they should be"


def test_connectors_that_share_a_tenant_do_not_seek_each_others_contacts(engine: Engine) -> None:
    furnish(engine)
    nobody = "user.department == 'Nowhere'"
    engine.add_connector("again", engine.directory, psa_default_company_id="251", office365_sync_filter=nobody)
    before = engine.psa.calls["fetch_contact"]
    for mode in ("full", "incremental", "full"):
        assert codes(engine.run("again", sync_mode=mode), "warnings") == ["ClaimedTwice"]
    assert engine.psa.calls["fetch_contact"] == before


def test_leavers_contact_that_was_deleted_is_looked_for_once(engine: Engine) -> None:
    ann = furnish(engine)
    engine.psa.remove_contact(ann.id)
    user = next(user for user in engine.directory.users.values() if user.mail == "ann@contoso.com")
    engine.directory.delete_user(user.id)
    before = engine.psa.calls["fetch_contact"]
    for _ in range(3):
        assert codes(engine.run(sync_mode="full"), "warnings") == []
    assert engine.psa.calls["fetch_contact"] == before + 1


def test_moved_contact_that_the_policy_moves_back_is_reported(engine: Engine) -> None:
    ann = furnish(engine, on_company_change="move")
    change(engine, ann, company_id="251")
    report = engine.run(sync_mode="full")
    assert codes(report, "warnings") == ["ContactMoved"]
    assert contact_of(engine, "ann").company_id == "250"
    assert codes(engine.run(sync_mode="full"), "warnings") == []


def test_deleted_contacts_are_not_made_anew_in_a_mass(engine: Engine) -> None:
    for _ in range(40):
        engine.directory.add_user()
    engine.run(sync_mode="full")
    engine.psa.contacts.clear()
    report = engine.run(sync_mode="full")
    assert [(each["kind"], each["number"], each["limit"]) for each in report["held"]] == [("creations", 40, 25)]
    assert engine.psa.contacts == {}


def told(engine: Engine) -> list[str]:
    """Look for news as often as somebody is told of, and return the titles of what was told so far."""
    for _ in range(3):
        watching.watch(engine.ports)
    return [title for title in engine.notifier.titles if "claim" in title]


def reviewed(engine: Engine, connector_id: str) -> list[str]:
    """Return what the review says of connectors in each other's way."""
    connector = engine.configuration.connector(connector_id, version=engine.configuration.current_version())
    return [row["message"] for row in waiting(connector, engine.store) if row["kind"] == "claimed twice"]


def test_two_connectors_of_one_tenant_are_an_alarm(engine: Engine) -> None:
    furnish(engine)
    engine.add_connector("again", engine.directory, psa_default_company_id="251", tenant_id=TENANT.upper())
    for connector_id in ("again", "contoso", "again"):
        for mode in ("full", "incremental"):
            report = engine.run(connector_id, sync_mode=mode)
            (message,) = (row["message"] for row in report["warnings"] if row["code"] == "ClaimedTwice")
            assert "contoso" in message
            assert "again" in message
            assert len(told(engine)) == 1
    assert told(engine) == [
        f"contact-sync: tenant {TENANT}: two connectors claim the same tenant or contacts (again and contoso)"
    ]
    assert "Look closer: contact-sync review again" in engine.notifier.sent[-1][2]
    assert len(reviewed(engine, "again")) == len(reviewed(engine, "contoso")) == 1


def test_each_further_connector_that_claims_the_same_is_told(engine: Engine) -> None:
    furnish(engine)
    for number, name in enumerate(("second", "third")):
        engine.add_connector(name, engine.directory, psa_default_company_id="251")
        engine.run(name, sync_mode="full")
        assert len(told(engine)) == (1, 3)[number]
    assert len(reviewed(engine, "third")) == 2


def test_connector_that_is_not_configured_any_more_claims_nothing(engine: Engine) -> None:
    furnish(engine)
    engine.add_connector("renamed", engine.directory)
    connector = engine.configuration.connector("renamed", version=engine.configuration.current_version())
    engine.configuration.publish(connector)
    assert codes(engine.run("renamed", sync_mode="full"), "warnings") == []


def test_contact_that_two_tenants_claim_is_an_alarm_and_stays_whose_it_was(engine: Engine) -> None:
    ann = furnish(engine)
    other = FakeDirectory()
    other.add_user("ann", id="99999999-0000-4000-8000-000000000001", business_phones=("2",))
    engine.add_connector("fabrikam", other, tenant_id=OTHER_TENANT)
    report = engine.run("fabrikam", sync_mode="full")
    assert codes(report) == ["DuplicateContact"]
    (message,) = (row["message"] for row in report["warnings"] if row["code"] == "ClaimedTwice")
    assert ann.id in message
    assert contact_of(engine, "ann") == ann
    assert told(engine) == [
        "contact-sync: PSA main: two connectors claim the same tenant or contacts (contoso and fabrikam)"
    ]
    for mode in ("incremental", "full"):
        assert "ClaimedTwice" in codes(engine.run("fabrikam", sync_mode=mode), "warnings")
        engine.run(sync_mode=mode)
        assert len(told(engine)) == 1
    assert len(reviewed(engine, "fabrikam")) == 1
    engine.psa.remove_contact(ann.id)
    engine.run("fabrikam", sync_mode="full")
    assert len(told(engine)) == 2  # that it is over


def test_dry_run_says_it_and_tells_nobody(engine: Engine) -> None:
    furnish(engine)
    engine.add_connector("again", engine.directory, psa_default_company_id="251")
    assert "ClaimedTwice" in codes(engine.run("again", sync_mode="full", dry_run=True), "warnings")
    assert {each["kind"] for each in engine.store.alerts.facts(limit=9)} == {"ended"}
    assert counts(engine.run(sync_mode="full")) == (0, 0, 2, 0)
    assert codes(engine.run(sync_mode="full"), "warnings") == []
