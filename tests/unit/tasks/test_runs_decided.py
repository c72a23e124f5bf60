"""What a person decides about a user is checked, remembered and obeyed by every run."""

from collections.abc import Callable
from typing import Any

import pytest

from adapters.records import Contact, User, UserDecision
from tasks import on_hold
from tasks.explaining import explain
from tasks.settling import DecisionRefusedError, Proposal, decide
from tests.fakes.directory import FakeDirectory
from tests.fakes.engine import TENANT, Engine
from tests.fakes.reports import Json, changes, codes, counts, names
from tests.unit.tasks.test_runs_on_hold import RUNS

FUTURE_MS = 4_000_000_000_000


def settle(engine: Engine, name: str, action: Any, contact_id: str = "", **facts: Any) -> UserDecision:
    connector_id = facts.pop("connector_id", "contoso")
    connector = engine.configuration.connector(connector_id, version=engine.configuration.current_version())
    proposal = Proposal(action=action, reason="asked her", by="bo", contact_id=contact_id, **facts)
    return decide(engine.ports, connector, name, proposal)


def doubtful(engine: Engine) -> tuple[User, Contact, Contact]:
    """Ann could be either of two contacts, and is refused."""
    ann = engine.directory.add_user("ann", mobile_phone="1")
    engine.directory.add_user("bob", mobile_phone="1")
    first, second = (add_contact(engine, title) for title in ("Clerk", "Buyer"))
    assert codes(engine.run(sync_mode="full")) == ["DuplicateContact"]
    return ann, first, second


def add_contact(engine: Engine, title: str, **facts: Any) -> Contact:
    facts = {"first_name": "Ann", "last_name": "Example", "email": "ann@contoso.com", **facts}
    return engine.psa.add_contact(job_title=title, **facts)


def change(engine: Engine, contact: Contact, **facts: Any) -> None:
    engine.psa.contacts[contact.id] = engine.psa.contacts[contact.id].model_copy(update=facts)


def end_now(engine: Engine, user: User) -> None:
    """Let a decision's time be over."""
    (made,) = engine.store.decisions.find("contoso", [user.id]).values()
    ended = made.model_copy(update={"until_ms": engine.store.runs.now_ms() - 1})
    engine.store.decisions.save("contoso", [ended], rows={})


@pytest.mark.parametrize("how", [how for how in RUNS if how != "dry"])
def test_contact_that_was_decided_is_the_users_in_a_run_of_any_kind(engine: Engine, how: str) -> None:
    ann, _, second = doubtful(engine)
    settle(engine, "ann@contoso.com", "link", second.id)
    report = RUNS[how](engine, ann)
    assert names(report, "updated_contacts") == ["ann"]
    assert report["success"]
    assert engine.psa.contacts[second.id].entra_id == ann.id
    assert len(engine.psa.contacts) == 3
    assert counts(engine.run(sync_mode="full")) == (0, 0, 2, 0), "a second run finds nothing left to do"


@pytest.mark.parametrize("how", [how for how in RUNS if how != "dry"])
def test_contact_is_made_once_although_others_could_be_meant(engine: Engine, how: str) -> None:
    ann, first, second = doubtful(engine)
    settle(engine, ann.id, "create")
    report = RUNS[how](engine, ann)
    assert names(report, "created_contacts") == ["ann"]
    assert report["success"]
    assert (engine.psa.contacts[first.id], engine.psa.contacts[second.id]) == (first, second)
    for mode in ("full", "incremental", "full"):
        assert counts(engine.run(sync_mode=mode))[0] == 0
    assert len(engine.psa.contacts) == 4


@pytest.mark.parametrize(("action", "number"), [("link", 2), ("create", 0)])
def test_dry_run_foresees_what_is_decided(engine: Engine, action: str, number: int) -> None:
    _, _, second = doubtful(engine)
    settle(engine, "ann@contoso.com", action, second.id if action == "link" else "")
    writes = len(engine.psa.writes)
    dry = engine.run(sync_mode="full", dry_run=True)
    assert len(engine.psa.writes) == writes
    assert changes(dry) == changes(engine.run(sync_mode="full"))


def test_user_to_be_ignored_is_skipped_and_released(engine: Engine) -> None:
    doubtful(engine)
    settle(engine, "ann@contoso.com", "ignore")
    report = engine.run()
    assert report["sync_mode"] == "incremental"
    assert (counts(report), codes(report, "warnings")) == ((0, 0, 1, 0), ["OnHold"])
    assert report["success"]
    assert "asked her" in report["warnings"][0]["message"]
    assert on_hold.release(engine.ports, "contoso", names=["ann@contoso.com"]) == 1
    assert codes(engine.run()) == ["DuplicateContact"]


def test_decision_that_has_ended_counts_no_more_and_says_so_once(engine: Engine) -> None:
    ann, _, _ = doubtful(engine)
    settle(engine, "ann@contoso.com", "ignore", until_ms=FUTURE_MS)
    assert engine.run()["success"]
    end_now(engine, ann)
    dry = engine.run(sync_mode="full", dry_run=True)
    assert (codes(dry), codes(dry, "warnings")) == (["DuplicateContact"], ["DecisionEnded"])
    report = engine.run()
    assert report["sync_mode"] == "incremental"
    assert (codes(report), codes(report, "warnings")) == (["DuplicateContact"], ["DecisionEnded"])
    report = engine.run()
    assert (codes(report), codes(report, "warnings")) == (["DuplicateContact"], [])


def test_contact_that_was_made_and_then_deleted_is_no_second_time_forced(engine: Engine) -> None:
    engine.configure(on_contact_deleted="report")
    ann, first, _ = doubtful(engine)
    settle(engine, ann.id, "create")
    engine.run()
    (made,) = (each for each in engine.psa.contacts.values() if each.entra_id == ann.id)
    engine.psa.remove_contact(made.id)
    assert codes(engine.run(sync_mode="full")) == ["DuplicateContact"]
    engine.psa.remove_contact(first.id)
    assert "ContactMerged" in codes(engine.run(sync_mode="full"), "warnings")


def test_namesake_without_an_address_can_be_settled_both_ways(engine: Engine) -> None:
    engine.directory.add_user("ann", mobile_phone="1")
    engine.directory.add_user("ben", mobile_phone="1")
    ann = engine.psa.add_contact(first_name="Ann", last_name="Example")
    ben = engine.psa.add_contact(first_name="Ben", last_name="Example")
    assert codes(engine.run(sync_mode="full")) == ["DuplicateContact"] * 2
    settle(engine, "ann@contoso.com", "create")
    settle(engine, "ben@contoso.com", "link", ben.id)
    assert counts(engine.run()) == (1, 1, 0, 0)
    assert engine.psa.contacts[ann.id] == ann
    assert counts(engine.run(sync_mode="full")) == (0, 0, 2, 0)


def gone(engine: Engine, contact: Contact) -> None:
    engine.psa.remove_contact(contact.id)


def elsewhere(engine: Engine, contact: Contact) -> None:
    engine.psa.add_company("999")
    change(engine, contact, company_id="999")


def another_users(engine: Engine, contact: Contact) -> None:
    change(engine, contact, entra_id=engine.directory.add_user("zoe", mobile_phone="1").id)


SPOILT: dict[str, tuple[Callable[[Engine, Contact], None], str]] = {
    "gone": (gone, "does not exist"),
    "elsewhere": (elsewhere, "company 999"),
    "another's": (another_users, "belongs to another user"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_contact_that_cannot_be_the_users_is_refused_when_decided_and_when_obeyed(engine: Engine, what: str) -> None:
    spoil, words = SPOILT[what]
    ann, first, second = doubtful(engine)
    settle(engine, "ann@contoso.com", "link", second.id)
    spoil(engine, second)
    report = engine.run()
    assert codes(report) == ["DecisionUnusable"]
    assert words in report["errors"][0]["message"]
    assert "bo: asked her" in report["errors"][0]["message"]
    settle(engine, "ann@contoso.com", "link", first.id)
    with pytest.raises(DecisionRefusedError, match=words):
        settle(engine, "ann@contoso.com", "link", second.id)
    (kept,) = engine.store.decisions.find("contoso", [ann.id]).values()
    assert kept.contact_id == first.id, "a refused decision changes nothing"
    assert "ann" in names(engine.run(), "updated_contacts")


def test_one_contact_is_given_to_one_user_only(engine: Engine) -> None:
    _, _, second = doubtful(engine)
    zoe = engine.directory.add_user("zoe", mobile_phone="1")
    settle(engine, "ann@contoso.com", "link", second.id)
    with pytest.raises(DecisionRefusedError, match="belongs to another user"):
        settle(engine, zoe.id, "link", second.id)
    on_hold.release(engine.ports, "contoso", names=["ann@contoso.com"])
    settle(engine, zoe.id, "link", second.id)


def test_store_refuses_a_contact_that_was_given_in_the_same_moment(engine: Engine) -> None:
    decisions, home = engine.store.decisions, engine.connector().home
    made = UserDecision(
        user_id="a",
        name="a@x",
        action="link",
        contact_id="7",
        home=home,
        reason="r",
        by="b",
        at_ms=1,
        until_ms=FUTURE_MS,
    )
    rival = made.model_copy(update={"user_id": "b"})
    assert decisions.save("contoso", [made], rows={}) is None
    assert decisions.save("contoso", [made], rows={}) is None, "a repeat"
    assert decisions.save("fabrikam", [rival], rows={}) == "contoso/a"
    assert decisions.find("fabrikam", ["b"]) == {}
    assert decisions.owners(home, ["7", "8"], now_ms=2) == {"7": f"{TENANT}/a"}
    assert decisions.owners(home, ["7"], now_ms=FUTURE_MS) == {}
    decisions.save("contoso", [made.model_copy(update={"contact_id": "8"})], rows={})
    assert decisions.save("fabrikam", [rival], rows={}) is None, "the contact is free again"
    decisions.release("fabrikam", {"b": {}})
    assert decisions.owners(home, ["7", "8"], now_ms=2) == {"8": f"{TENANT}/a"}


def test_user_that_would_be_matched_to_a_contact_given_to_another_is_refused(engine: Engine) -> None:
    zoe = engine.directory.add_user("zoe", mobile_phone="1", surname="Smith")
    engine.directory.add_user("ann", mobile_phone="1")
    contact = add_contact(engine, "Clerk", email="zoe@contoso.com")
    settle(engine, "ann@contoso.com", "link", contact.id)
    report = engine.run(sync_mode="full")
    assert names(report, "updated_contacts") == ["ann"]
    assert names(report, "errors") == ["zoe"]
    settle(engine, zoe.id, "create")
    assert names(engine.run(), "created_contacts") == ["zoe"]
    assert counts(engine.run(sync_mode="full")) == (0, 0, 2, 0)


def test_decision_is_met_at_the_last_look_too(engine: Engine) -> None:
    ann = engine.directory.add_user("ann", mobile_phone="1")
    engine.directory.add_user("bob", mobile_phone="1")
    contact = engine.psa.add_contact(first_name="Annie", last_name="Old", email="old@contoso.com")
    engine.with_timing(index_age_s=-1.0)  # whatever is created is looked at once more
    run_id = engine.request(sync_mode="full")
    engine.work(until="upsert")
    settle(engine, "ann@contoso.com", "link", contact.id)
    engine.work()
    assert counts(engine.report(run_id)) == (1, 1, 0, 0)
    assert engine.psa.contacts[contact.id].entra_id == ann.id
    assert len(engine.psa.contacts) == 2


def test_decisions_survive_another_configuration_but_not_another_psa(engine: Engine) -> None:
    ann, _, second = doubtful(engine)
    settle(engine, "ann@contoso.com", "link", second.id)
    engine.configure(fingerprint="f2", psa="other")
    engine.store.memory.save_pairing(engine.connector().home, "250", "fits")
    assert codes(engine.run(sync_mode="full", dry_run=True)) == ["DuplicateContact"], "ids mean nothing there"
    engine.configure(fingerprint="f3", psa="main")
    assert names(engine.run(sync_mode="full"), "updated_contacts") == ["ann"]
    assert engine.psa.contacts[second.id].entra_id == ann.id


def test_decision_about_a_user_that_is_gone_is_kept(engine: Engine) -> None:
    ann, _, second = doubtful(engine)
    settle(engine, "ann@contoso.com", "link", second.id)
    engine.directory.delete_user(ann.id)
    assert engine.run()["success"]
    assert engine.run(sync_mode="full")["success"]
    engine.directory.restore_user(ann.id)
    assert names(engine.run(), "updated_contacts") == ["ann"]


def test_explanation_tells_the_decision_and_what_comes_of_it(engine: Engine) -> None:
    ann, _, second = doubtful(engine)
    assert explain(engine.ports, engine.connector(), ann.id)["decision"] is None
    settle(engine, "ann@contoso.com", "link", second.id)
    told = explain(engine.ports, engine.connector(), "ann@contoso.com")
    assert told["decision"].items() >= {"action": "link", "psa_contact_id": second.id, "by": "bo"}.items()
    assert told["match"] == {"key": "decision", "psa_contact_id": second.id}
    assert told["candidates"][0]["reason"] == "taken, by a decision"
    assert told["now"]["action"] == "update"
    settle(engine, "ann@contoso.com", "create")
    assert explain(engine.ports, engine.connector(), ann.id)["now"]["action"] == "create"
    settle(engine, "ann@contoso.com", "ignore")
    now = explain(engine.ports, engine.connector(), ann.id)["now"]
    assert (now["action"], now["code"]) == ("skip", "OnHold")
    assert "asked her" in now["message"]
    end_now(engine, ann)
    told = explain(engine.ports, engine.connector(), ann.id)
    assert (told["decision"]["counts"], told["now"]["action"]) == (False, "refuse")


REFUSED: dict[str, tuple[Json, str]] = {
    "a user that there is not": ({"name": "nobody@contoso.com", "action": "ignore"}, "knows no user"),
    "a contact that there is not": ({"action": "link", "contact_id": "4711"}, "does not exist"),
    "no contact": ({"action": "link"}, "needs the id"),
    "a contact to be made": ({"action": "create", "contact_id": "7"}, "takes no contact"),
    "a time that is over": ({"action": "ignore", "until_ms": 1}, "ended already"),
    "a user that has its contact": ({"name": "bob@contoso.com", "action": "create"}, "has contact"),
    "a user that is out of scope": ({"name": "off@contoso.com", "action": "create"}, "out of scope"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_makes_no_sense_is_refused_and_nothing_is_decided(engine: Engine, what: str) -> None:
    doubtful(engine)
    engine.directory.add_user("off", account_enabled=False)
    facts, words = REFUSED[what]
    with pytest.raises(DecisionRefusedError, match=words):
        settle(engine, **{"name": "ann@contoso.com", **facts})
    assert list(engine.store.decisions.iter_all("contoso")) == []


def test_contact_that_another_connector_gave_away_is_refused(engine: Engine) -> None:
    _, _, second = doubtful(engine)
    other = FakeDirectory()
    eve = other.add_user("eve", mobile_phone="1")
    engine.add_connector("fabrikam", other, tenant_id="22222222-2222-4222-8222-222222222222")
    settle(engine, "ann@contoso.com", "link", second.id)
    with pytest.raises(DecisionRefusedError, match="belongs to another user"):
        settle(engine, eve.id, "link", second.id, connector_id="fabrikam")
