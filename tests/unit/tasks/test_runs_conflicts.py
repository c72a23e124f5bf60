"""Users and contacts in each other's way: never a second contact, never somebody else's."""

import pytest

from adapters.records import User
from tests.fakes.directory import FakeDirectory
from tests.fakes.engine import Engine
from tests.fakes.reports import codes, counts, names

OTHER_TENANT = "22222222-2222-4222-8222-222222222222"
GONE_USER = "99999999-0000-4000-8000-000000000001"


def add_pair(engine: Engine, one: str, other: str, address: str) -> tuple[User, User]:
    """Add two users with this one main address."""
    return (
        engine.directory.add_user(one, mail=address, proxy_addresses=()),
        engine.directory.add_user(other, mail=address, proxy_addresses=()),
    )


def test_two_users_of_one_main_address_are_both_refused(engine: Engine) -> None:
    add_pair(engine, "ann", "bob", "office@contoso.com")
    engine.directory.add_user("cid")
    for report in (engine.run(sync_mode="full"), engine.run(), engine.run(sync_mode="full")):
        assert codes(report) == ["DuplicateContact", "DuplicateContact"]
        assert "bob@contoso.com" in report["errors"][0]["message"]
        assert "ann@contoso.com" in report["errors"][1]["message"]
    assert len(engine.psa.contacts) == 1


def test_refused_pair_is_settled_by_the_next_run_once_the_addresses_differ(engine: Engine) -> None:
    ann, _ = add_pair(engine, "ann", "bob", "office@contoso.com")
    engine.run(sync_mode="full")
    engine.directory.change_user(ann.id, mail="ann@contoso.com")
    assert names(engine.run(), "created_contacts") == ["ann", "bob"]
    assert engine.store.memory.unfinished("contoso") == {}


@pytest.mark.parametrize("index_age_s", [600.0, 0.0], ids=["by the index", "by a look before the write"])
def test_main_address_goes_before_alias(engine: Engine, index_age_s: float) -> None:
    engine.with_timing(index_age_s=index_age_s)
    engine.directory.add_user("ann")
    engine.directory.add_user("bob", proxy_addresses=("smtp:ann@contoso.com",))
    report = engine.run(sync_mode="full")
    assert counts(report) == (2, 0, 0, 0)
    assert sorted(contact.emails for contact in engine.psa.contacts.values()) == [
        ("ann@contoso.com",),
        ("bob@contoso.com",),
    ]
    assert counts(engine.run(sync_mode="full")) == (0, 0, 2, 0)


def test_user_refused_beside_another_ones_alias_stays_refused_when_only_it_is_read_again(engine: Engine) -> None:
    ann = engine.directory.add_user("ann", proxy_addresses=("smtp:office@contoso.com",))
    engine.run(sync_mode="full")
    engine.directory.add_user("bob", mail="office@contoso.com")
    assert names(engine.run(sync_mode="full"), "errors") == ["bob"]
    for _ in range(2):
        report = engine.run()
        assert names(report, "errors") == ["bob"]
        assert counts(report) == (0, 0, 1, 1)
    engine.directory.change_user(ann.id, proxy_addresses=())
    assert names(engine.run(), "created_contacts") == ["bob"]


def test_linked_user_keeps_its_contact_from_a_newcomer_of_the_same_address(engine: Engine) -> None:
    engine.directory.add_user("ann")
    engine.run(sync_mode="full")
    bob = engine.directory.add_user("bob", mail="ann@contoso.com")
    for mode in ("incremental", "full", "incremental"):
        report = engine.run(sync_mode=mode)
        assert names(report, "errors") == ["bob"]
        assert codes(report) == ["DuplicateContact"]
    assert len(engine.psa.contacts) == 1
    engine.directory.change_user(bob.id, mail="bob@contoso.com")
    assert names(engine.run(), "created_contacts") == ["bob"]


def test_newcomer_takes_over_the_contact_of_a_user_that_is_gone(engine: Engine) -> None:
    ann = engine.directory.add_user("ann", business_phones=("1",))
    engine.run(sync_mode="full")
    engine.directory.delete_user(ann.id)
    anew = engine.directory.add_user("ann", business_phones=("1",))
    report = engine.run()
    assert counts(report) == (0, 1, 0, 0)
    assert codes(report, "warnings") == ["ContactRelinked"]
    assert [contact.entra_id for contact in engine.psa.contacts.values()] == [anew.id]


def test_contact_that_two_users_claim_goes_to_the_better_right(engine: Engine) -> None:
    engine.directory.add_user("ann")
    engine.directory.add_user("bob")
    engine.psa.add_contact(
        first_name="Ann", last_name="Example", email="ann@contoso.com", emails=("bob@contoso.com",), entra_id=None
    )
    report = engine.run(sync_mode="full")
    assert codes(report) == ["DuplicateContact", "DuplicateContact"]
    assert engine.psa.writes == []


def test_contact_with_a_users_object_id_is_that_users_although_another_has_its_address(engine: Engine) -> None:
    ann = engine.directory.add_user("ann")
    engine.directory.add_user("bob")
    engine.psa.add_contact(first_name="Ann", last_name="Example", email="bob@contoso.com", entra_id=ann.id)
    report = engine.run(sync_mode="full")
    assert names(report, "updated_contacts") == ["ann"]
    assert names(report, "errors") == ["bob"]
    assert codes(report) == ["DuplicateContact"]


def test_two_candidates_are_named_and_left_alone(engine: Engine) -> None:
    engine.directory.add_user("ann")
    ids = [engine.psa.add_contact(first_name="Ann", email="ann@contoso.com").id for _ in range(2)]
    report = engine.run(sync_mode="full")
    assert codes(report) == ["DuplicateContact"]
    assert all(contact_id in report["errors"][0]["message"] for contact_id in ids)
    assert engine.psa.writes == []


def test_active_contact_goes_before_an_inactive_one(engine: Engine) -> None:
    engine.directory.add_user("ann")
    engine.psa.add_contact(first_name="Ann", last_name="Example", email="ann@contoso.com", active=False)
    active = engine.psa.add_contact(first_name="Ann", last_name="Example", email="ann@contoso.com")
    report = engine.run(sync_mode="full")
    assert [row["psa_contact_id"] for row in report["updated_contacts"]] == [active.id]


def test_foreign_object_id_is_left_alone_with_a_warning(engine: Engine) -> None:
    engine.directory.add_user("ann", business_phones=("1",), job_title="Buyer")
    engine.psa.add_contact(
        first_name="Ann", last_name="Example", email="ann@contoso.com", phone="1", entra_id="badge 17"
    )
    report = engine.run(sync_mode="full")
    assert report["updated_contacts"][0]["changed_fields"] == ["job_title"]
    assert codes(report, "warnings") == ["ForeignObjectId"]
    assert [contact.entra_id for contact in engine.psa.contacts.values()] == ["badge 17"]
    assert counts(engine.run(sync_mode="full")) == (0, 0, 1, 0)


def test_contact_of_a_gone_users_object_id_is_linked_anew(engine: Engine) -> None:
    ann = engine.directory.add_user("ann", business_phones=("1",))
    engine.psa.add_contact(first_name="Ann", last_name="Example", email="ann@contoso.com", entra_id=GONE_USER)
    report = engine.run(sync_mode="full")
    assert codes(report, "warnings") == ["ContactRelinked"]
    assert [contact.entra_id for contact in engine.psa.contacts.values()] == [ann.id]


def test_user_that_the_run_has_read_is_not_asked_for_again(engine: Engine) -> None:
    ben = engine.directory.add_user("ben")
    engine.directory.add_user("ann")
    engine.psa.add_contact(first_name="Ann", last_name="Example", email="ann@contoso.com", entra_id=ben.id)
    before = engine.directory.calls["fetch_user"]
    assert codes(engine.run(sync_mode="full"), "errors") == ["DuplicateContact"]
    assert engine.directory.calls["fetch_user"] == before


def test_renamed_user_keeps_its_contact(engine: Engine) -> None:
    ann = engine.directory.add_user("ann")
    engine.run(sync_mode="full")
    engine.directory.change_user(
        ann.id, surname="Married", mail="ann.married@contoso.com", user_principal_name="ann.married@contoso.com"
    )
    report = engine.run()
    assert counts(report) == (0, 1, 0, 0)
    assert report["updated_contacts"][0]["changed_fields"] == ["last_name", "email"]
    assert len(engine.psa.contacts) == 1


def test_addresses_that_change_hands_between_two_users_stay_with_their_contacts(engine: Engine) -> None:
    ann, bob = engine.directory.add_user("ann"), engine.directory.add_user("bob")
    engine.run(sync_mode="full")
    engine.directory.change_user(ann.id, mail="bob@contoso.com", proxy_addresses=())
    engine.directory.change_user(bob.id, mail="ann@contoso.com", proxy_addresses=())
    report = engine.run()
    assert report["success"]
    mails = {contact.entra_id: contact.fields["email"] for contact in engine.psa.contacts.values()}
    assert mails == {ann.id: "bob@contoso.com", bob.id: "ann@contoso.com"}
    assert len(engine.psa.contacts) == 2


def test_user_of_another_tenant_does_not_take_over_a_contact_of_the_same_company(engine: Engine) -> None:
    engine.directory.add_user("ann")
    engine.run(sync_mode="full")
    other = FakeDirectory()
    other.add_user("ann", id="33333333-0000-4000-8000-000000000001")
    engine.add_connector("fabrikam", other, tenant_id=OTHER_TENANT)
    report = engine.run("fabrikam", sync_mode="full")
    assert codes(report) == ["DuplicateContact"]
    assert len(engine.psa.contacts) == 1


def test_two_connectors_of_one_company_never_both_create(engine: Engine) -> None:
    engine.directory.add_user("ann")
    other = FakeDirectory()
    other.add_user("ann", id="33333333-0000-4000-8000-000000000001")
    engine.add_connector("fabrikam", other, tenant_id=OTHER_TENANT)
    runs = [engine.request(connector_id, sync_mode="full") for connector_id in ("contoso", "fabrikam")]
    engine.work(until="upsert")  # both have read that there is no contact
    engine.work()
    reports = [engine.report(run_id) for run_id in runs]
    assert sorted(counts(report) for report in reports) == [(0, 0, 0, 1), (1, 0, 0, 0)]
    assert len(engine.psa.contacts) == 1


def test_contact_that_appeared_after_the_index_was_read_is_not_doubled(engine: Engine) -> None:
    engine.directory.add_user("ann")
    engine.with_timing(index_age_s=0.0)
    run_id = engine.request(sync_mode="full")
    engine.work(until="upsert")
    engine.psa.add_contact(first_name="Ann", last_name="Example", email="ann@contoso.com")
    engine.work()
    assert names(engine.report(run_id), "updated_contacts") == ["ann"]
    assert len(engine.psa.contacts) == 1


def test_contact_deleted_between_plan_and_write_is_made_anew(engine: Engine) -> None:
    user = engine.directory.add_user("ann", business_phones=("1",))
    engine.run(sync_mode="full")
    engine.directory.change_user(user.id, job_title="Buyer")
    run_id = engine.request()
    engine.work(until="upsert")
    engine.psa.contacts.clear()
    engine.work()
    report = engine.report(run_id)
    assert counts(report) == (1, 0, 0, 0)
    assert codes(report, "warnings") == ["ContactRecreated"]


def test_user_gone_between_plan_and_a_look_is_left_alone(engine: Engine) -> None:
    user = engine.directory.add_user("ann")
    engine.with_timing(index_age_s=0.0)
    run_id = engine.request(sync_mode="full")
    engine.work(until="upsert")
    engine.directory.delete_user(user.id)
    engine.work()
    assert counts(engine.report(run_id)) == (0, 0, 1, 0)
    assert engine.psa.contacts == {}


def test_user_refused_beside_another_user_takes_no_relatives_contact_once_it_is_read_alone(engine: Engine) -> None:
    ann = engine.directory.add_user("ann", mail="a@contoso.com", proxy_addresses=("smtp:sales@contoso.com",))
    engine.directory.add_user(
        "bob", given_name="Bob", mail="b@contoso.com", proxy_addresses=("smtp:sales@contoso.com",)
    )
    engine.psa.add_contact(entra_id=ann.id, first_name="Ann", last_name="Example")
    engine.psa.add_contact(first_name="Bob", last_name="Example")
    engine.psa.add_contact(emails=("a@contoso.com", "sales@contoso.com"), first_name="Ann", last_name="Example")
    assert codes(engine.run(sync_mode="full")) == ["DuplicateContact"]
    writes = len(engine.psa.writes)
    assert codes(engine.run()) == ["DuplicateContact"]
    assert len(engine.psa.writes) == writes
