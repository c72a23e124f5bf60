"""Explained: where a user is, whether in scope, which contact and why, what would be written, what was; nothing is."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from adapters.errors import TenantError
from adapters.records import Link, User
from adapters.store import Store
from tasks.connector import CompanyRule, FieldRule, Guard, GuardLimit, Rule
from tasks.default_mappings import default_mapping
from tasks.explaining import explain, failed
from tasks.explaining.reading_only import OF_CONTACTS, OF_DIRECTORY, READS, VALUES, reading_only
from tasks.explaining.rehearsing import run_of
from tasks.ports import Contacts, Directory, Ports
from tests.fakes.engine import Engine

Json = dict[str, Any]
READ_COMMANDS = frozenset({"hget", "hmget", "hgetall", "hlen", "hexists", "get", "exists", "time", "zrevrangebyscore"})
FRAME = frozenset({"info", "config|resetstat", "multi", "exec", "client|setinfo", "hello", "select"})


@pytest.fixture
def engine(store: Store) -> Engine:
    return Engine(store)


def explained(engine: Engine, name: str) -> Json:
    return explain(engine.ports, engine.connector(), name)


def add(engine: Engine, name: str = "jane", **facts: Any) -> User:
    return engine.directory.add_user(name, business_phones=("+49 30 1",), **facts)


def mapped(**rules: FieldRule) -> Json:
    return {"field_mapping": {**default_mapping("connectwise"), **rules}}


# --- nothing is written ----------------------------------------------------------------------------------------------


def methods_of(protocol: Any) -> set[str]:
    return {name for name in vars(protocol) if not name.startswith("_")}


def test_ports_that_it_gets_have_no_method_that_writes(engine: Engine) -> None:
    add(engine)
    narrow = reading_only(engine.ports)
    seen = 0
    for part in fields(Ports):
        protocol = part.type if isinstance(part.type, type) else None
        if part.name in VALUES or protocol is None or part.name in ("directory", "contacts"):
            continue
        port, allowed = getattr(narrow, part.name), set(READS.get(part.name, ()))
        harmless = {"touch"} if part.name == "runs" else set()
        if part.name in ("subscriptions", "expiries"):
            assert not callable(port)
            continue
        reached = {name for name in methods_of(protocol) if hasattr(port, name)}
        assert reached == allowed | harmless, part.name
        seen += 1
    assert seen >= 15
    run = run_of(narrow, engine.connector(), "jane@contoso.com")
    contacts, directory = narrow.contacts(run), narrow.directory(run)
    assert {name for name in methods_of(Contacts) if hasattr(contacts, name)} == set(OF_CONTACTS)
    assert {"create_contact", "update_contact"} <= methods_of(Contacts) - set(OF_CONTACTS)
    assert {name for name in methods_of(Directory) if hasattr(directory, name)} == set(OF_DIRECTORY)
    narrow.runs.touch("r1", due_in_s=1)


def two_contacts(engine: Engine, user: User) -> None:
    for name in ("A", "B"):
        engine.psa.add_contact(first_name="J", last_name=name, email=str(user.mail))


SITUATIONS: dict[str, list[Callable[[Engine, User], object]]] = {
    "nothing yet": [],
    "right already": [lambda engine, _: engine.run()],
    "changed": [
        lambda engine, _: engine.run(),
        lambda engine, user: engine.directory.change_user(user.id, job_title="Buyer"),
    ],
    "edited": [lambda engine, _: engine.run(), lambda engine, _: edit(engine, phone="+49 30 2")],
    "left": [
        lambda engine, _: engine.run(),
        lambda engine, user: engine.directory.change_user(user.id, account_enabled=False),
    ],
    "deleted": [lambda engine, _: engine.run(), lambda engine, user: engine.directory.delete_user(user.id)],
    "gone for good": [
        lambda engine, _: engine.run(),
        lambda engine, user: engine.directory.delete_user(user.id, permanently=True),
    ],
    "two contacts": [two_contacts],
    "of another": [
        lambda engine, user: engine.psa.add_contact(
            email=str(user.mail), entra_id=add(engine, "other").id, last_name="Other"
        )
    ],
    "of somebody gone": [
        lambda engine, user: engine.psa.add_contact(
            email=str(user.mail), entra_id="99999999-0000-4000-8000-000000000000", last_name="Old"
        )
    ],
    "inactive": [lambda engine, user: engine.psa.add_contact(email=str(user.mail), active=False, last_name="Example")],
    "namesake": [lambda engine, _: engine.psa.add_contact(first_name="Jane", last_name="Example")],
    "excluded": [lambda engine, _: engine.configure(exclude=(Rule(name="janes", when="user.givenName == 'Jane'"),))],
    "no company": [
        lambda engine, _: engine.configure(company_rules=(CompanyRule(when="true", company_id="999", name="all"),))
    ],
    "contact deleted": [
        lambda engine, _: engine.run(),
        lambda engine, _: engine.psa.remove_contact(contact_ids(engine)[0]),
    ],
}


def contact_ids(engine: Engine) -> list[str]:
    return sorted(engine.psa.contacts)


def edit(engine: Engine, **changes: str) -> None:
    """Change the first contact in the PSA, as a person does."""
    contact_id = contact_ids(engine)[0]
    contact = engine.psa.contacts[contact_id]
    engine.psa.contacts[contact_id] = contact.model_copy(update={"fields": {**contact.fields, **changes}})


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("by", ["user_principal_name", "id"])
def test_what_would_happen_is_what_a_run_then_does_and_nothing_is_written(
    engine: Engine, situation: str, by: str
) -> None:
    engine.configure(on_leaver="deactivate")
    user = add(engine)
    for arrange in SITUATIONS[situation]:
        arrange(engine, user)
    client = engine.store.connection.client
    writes, contacts = len(engine.psa.writes), dict(engine.psa.contacts)
    client.config_resetstat()
    answer = explained(engine, str(getattr(user, by)))
    commands = {name.removeprefix("cmdstat_") for name in client.info("commandstats")} - FRAME
    assert commands <= READ_COMMANDS
    assert (len(engine.psa.writes), engine.psa.contacts) == (writes, contacts)

    report = engine.run(user_principal_names=[user.id], sync_mode="incremental")
    if answer["found"]["user"] is None:  # gone, and nobody knows its name any more
        assert (situation, by) == ("gone for good", "user_principal_name")
        return
    now = answer["now"]
    rows = {
        "create": report["created_contacts"],
        "update": [row for row in report["updated_contacts"] if not row.get("deactivated")],
        "deactivate": report["deactivated_contacts"],
        "refuse": [row for row in report["errors"] if row["code"] != "UserNotFound"],
    }
    happened = [action for action, some in rows.items() if some] or ["skip"]
    assert [now["action"]] == happened
    if now["action"] == "refuse":
        assert (now["code"], now["message"]) == (rows["refuse"][0]["code"], rows["refuse"][0]["message"])
    if now["action"] == "update":
        assert now["changed_fields"] == rows["update"][0]["changed_fields"]
        written = {row["name"]: [row["old"], row["new"]] for row in answer["fields"] if row["written"]}
        assert written == rows["update"][0]["changes"]
    assert [row["code"] for row in now["warnings"]] == [row["code"] for row in report["warnings"]]
    last = explained(engine, user.id)["history"]
    if happened != ["skip"]:
        kinds = {"create": "created", "update": "updated", "deactivate": "deactivated", "refuse": "error"}
        assert (last[0]["kind"], last[0]["run_id"]) == (kinds[happened[0]], report["run_id"])


# --- where it is found -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "by"),
    [
        ("jane@contoso.com", "user_principal_name"),
        ("JANE.SMITH@contoso.com", "mail"),
        ("old.name@contoso.com", "alias"),
        ("00000000-0000-4000-8000-000000000001", "object_id"),
    ],
)
def test_user_is_found_by_every_name_that_it_has(engine: Engine, name: str, by: str) -> None:
    user = add(engine, mail="jane.smith@contoso.com", proxy_addresses=("smtp:old.name@contoso.com",))
    found = explained(engine, name)["found"]
    assert (found["where"], found["by"], found["user"]["office365_id"]) == ("tenant", by, user.id)
    assert (found["user"]["account_enabled"], found["user"]["user_type"]) == (True, "Member")


def test_two_users_of_one_mail_are_both_named(engine: Engine) -> None:
    add(engine, "ann", mail="info@contoso.com")
    add(engine, "bob", mail="info@contoso.com")
    found = explained(engine, "info@contoso.com")["found"]
    assert (found["user"]["user_principal_name"], found["others"]) == ("ann@contoso.com", ["bob@contoso.com"])


@pytest.mark.parametrize("by", ["user_principal_name", "mail", "id"])
def test_deleted_user_is_found_among_the_deleted(engine: Engine, by: str) -> None:
    user = add(engine, mail="jane.smith@contoso.com")
    engine.run()
    engine.directory.delete_user(user.id)
    answer = explained(engine, str(getattr(user, by)))
    assert answer["found"]["where"] == "deleted"
    assert answer["scope"] == {
        "in_scope": False,
        "rule": "deleted",
        "reason": "the user is not in the directory any more",
    }
    (candidate,) = answer["candidates"]
    assert candidate["key"] == "link"
    assert (answer["now"]["action"], answer["now"]["code"]) == ("skip", "UserLeft")
    assert [event["kind"] for event in answer["history"]] == ["created"]


def test_leavers_contact_that_was_moved_away_is_shown_also_when_it_was_told(engine: Engine) -> None:
    user = add(engine)
    engine.run(sync_mode="full")
    (contact,) = engine.psa.contacts.values()
    engine.psa.contacts[contact.id] = contact.model_copy(update={"company_id": "999"})
    engine.directory.delete_user(user.id)
    for code in ("ContactMoved", None):
        answer = explained(engine, user.id)
        (candidate,) = answer["candidates"]
        assert "moved to company 999" in candidate["reason"]
        assert (answer["now"]["action"], answer["now"]["code"]) == ("skip", code)
        engine.run(sync_mode="full")


def test_user_that_is_gone_for_good_is_known_by_what_we_keep(engine: Engine) -> None:
    user = add(engine)
    engine.run()
    engine.directory.delete_user(user.id, permanently=True)
    answer = explained(engine, user.id)
    assert answer["found"]["where"] == "nowhere"
    assert answer["link"]["psa_contact_id"] == contact_ids(engine)[0]
    assert answer["history"][0]["kind"] == "created"
    by_name = explained(engine, "jane@contoso.com")
    assert (by_name["found"]["where"], by_name["found"]["user"], by_name["now"]) == ("nowhere", None, None)


# --- scope -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "word", "settings"),
    [
        ("disabled", "switched off", {}),
        ("guest", "include_guests", {}),
        ("no mail", "no mail", {}),
        ("unlicensed", "licensed_only", {"licensed_only": True}),
        (
            "office365_sync_filter",
            "user.department == 'IT'",
            {"office365_sync_filter": "user.department == 'IT'"},
        ),
        ("janes", "user.givenName == 'Jane'", {"exclude": (Rule(name="janes", when="user.givenName == 'Jane'"),)}),
    ],
)
def test_rule_that_leaves_a_user_out_is_named_with_its_reason(
    engine: Engine, rule: str, word: str, settings: Json
) -> None:
    engine.configure(**settings)
    facts: Json = {"disabled": {"account_enabled": False}, "guest": {"user_type": "Guest"}, "no mail": {"mail": None}}
    add(engine, **facts.get(rule, {}))
    answer = explained(engine, "jane@contoso.com")
    assert (answer["scope"]["in_scope"], answer["scope"]["rule"]) == (False, rule)
    assert word in answer["scope"]["reason"]
    assert answer["now"]["action"] == "skip"


def test_company_and_the_rule_that_chose_it_are_named(engine: Engine) -> None:
    engine.psa.add_company("251")
    engine.configure(
        company_rules=(CompanyRule(when="user.city == 'Berlin'", company_id="251", site_id="7", name="Berlin"),)
    )
    add(engine, city="Berlin")
    answer = explained(engine, "jane@contoso.com")
    assert answer["company"] == {"psa_company_id": "251", "site_id": "7", "rule": "Berlin"}
    assert answer["scope"]["in_scope"] is True


# --- candidates ------------------------------------------------------------------------------------------------------


def test_contact_that_is_taken_is_named_with_its_key_and_the_others_with_why_not(engine: Engine) -> None:
    user = add(engine)
    linked = engine.psa.add_contact(email="jane@contoso.com", first_name="Jane", last_name="Example")
    engine.store.memory.save_links(engine.connector().home, {user.id: Link(contact_id=linked.id, company_id="250")})
    marked = engine.psa.add_contact(entra_id=user.id, first_name="Jane", last_name="Marked")
    old = engine.psa.add_contact(email="jane@contoso.com", active=False, first_name="Jane", last_name="Old")
    other = engine.psa.add_contact(email="jane@contoso.com", entra_id=add(engine, "bob").id, last_name="Bob")
    answer = explained(engine, "jane@contoso.com")
    assert answer["match"] == {"key": "link", "psa_contact_id": linked.id}
    assert answer["candidates"][0]["psa_contact_id"] == linked.id
    why = {row["psa_contact_id"]: (row["key"], row["reason"]) for row in answer["candidates"]}
    assert why[linked.id] == ("link", "taken, by the link to this user that we keep")
    assert why[marked.id][0] == "object_id"
    assert "but the link to this user that we keep goes before" in why[marked.id][1]
    assert "inactive, and active contacts go before" in why[old.id][1]
    assert "carries the object id of another user" in why[other.id][1]


def test_refusal_names_the_contacts_in_doubt(engine: Engine) -> None:
    add(engine)
    doubtful = [engine.psa.add_contact(email="jane@contoso.com", last_name=name) for name in ("A", "B")]
    answer = explained(engine, "jane@contoso.com")
    assert (answer["now"]["action"], answer["now"]["code"]) == ("refuse", "DuplicateContact")
    assert answer["match"] is None
    assert [row["psa_contact_id"] for row in answer["candidates"]] == [each.id for each in doubtful]
    assert all(row["key"] == "mail" and "in doubt" in row["reason"] for row in answer["candidates"])


def test_alias_and_namesake_are_told_apart(engine: Engine) -> None:
    add(engine, proxy_addresses=("smtp:js@contoso.com",))
    engine.psa.add_contact(email="js@contoso.com", first_name="Jane", last_name="Example")
    assert explained(engine, "jane@contoso.com")["match"]["key"] == "alias"
    engine.psa.contacts.clear()
    namesake = engine.psa.add_contact(first_name="Jane", last_name="Example", email="jane@private.example")
    answer = explained(engine, "jane@contoso.com")
    assert answer["now"]["action"] == "create"
    (row,) = answer["candidates"]
    assert (row["psa_contact_id"], row["key"], row["chosen"]) == (namesake.id, "namesake", False)
    assert "a name alone is no proof" in row["reason"]


def test_users_that_a_refusal_names_are_judged_with_this_one(engine: Engine) -> None:
    for name in ("ann", "bob"):
        add(engine, name, mail="info@contoso.com")
    refused = engine.run()
    assert {row["code"] for row in refused["errors"]} == {"DuplicateContact"}
    answer = explained(engine, "ann@contoso.com")
    assert (answer["now"]["action"], answer["now"]["code"]) == ("refuse", "DuplicateContact")
    assert "bob@contoso.com" in answer["now"]["message"]
    assert (answer["unfinished"]["kind"], answer["unfinished"]["code"]) == ("refused", "DuplicateContact")


# --- fields ----------------------------------------------------------------------------------------------------------


def test_each_field_says_old_new_policy_and_whether_it_is_written(engine: Engine) -> None:
    engine.configure(
        **mapped(
            job_title=FieldRule(value="{{ user.jobTitle }}", update="source_changed"),
            city=FieldRule(value="{{ user.city }}", update="if_empty"),
            zip=FieldRule(value="{{ user.postalCode }}", update="on_create"),
            mobile_phone=FieldRule(value="{{ user.mobilePhone }}", update="always"),
        )
    )
    user = add(engine, job_title="Buyer", city="Berlin", postal_code="10115", mobile_phone="+49 170 1")
    engine.run()
    edit(engine, job_title="Boss", city="Paris", zip="99", mobile_phone="+49 170 2")
    engine.directory.change_user(user.id, given_name="Janet")
    found = {row["name"]: row for row in explained(engine, "jane@contoso.com")["fields"]}
    said = {name: (row["old"], row["new"], row["policy"], row["written"], row["edited"]) for name, row in found.items()}
    assert said == {
        "first_name": ("Jane", "Janet", "always", True, False),
        "mobile_phone": ("+49 170 2", "+49 170 1", "always", True, True),
        "job_title": ("Boss", "Buyer", "source_changed", False, True),
        "city": ("Paris", "Berlin", "if_empty", False, True),
        "zip": ("99", "10115", "on_create", False, True),
    }
    assert "ManualEdit" in found["job_title"]["reason"]
    assert found["first_name"]["reason"] == 'update = "always": a difference is written'


def test_new_contact_shows_its_values(engine: Engine) -> None:
    add(engine, job_title="Buyer")
    rows = {row["name"]: row for row in explained(engine, "jane@contoso.com")["fields"]}
    assert (rows["job_title"]["old"], rows["job_title"]["new"]) == (None, "Buyer")
    assert all(row["written"] and row["reason"] == "the contact is new" for row in rows.values())


# --- guard, pairing, past --------------------------------------------------------------------------------------------


def test_guard_says_its_limits_and_holds_what_a_run_would_hold(engine: Engine) -> None:
    none = GuardLimit(absolute=0, share=0, churn=0, small_absolute=0, small_share=0)
    add(engine, "ann")
    assert explained(engine, "ann@contoso.com")["guard"]["in_force"] is False
    engine.run()
    engine.configure(guard=Guard(creations=none))
    add(engine)
    answer = explained(engine, "jane@contoso.com")
    assert (answer["now"]["action"], answer["now"]["code"]) == ("hold", "ChangesHeld")
    assert answer["guard"]["limits"] == {"creations": 0, "deactivations": 1, "rewrites": 10}
    assert answer["guard"]["contacts"] == 1
    held = engine.run()
    after = explained(engine, "jane@contoso.com")
    assert after["guard"]["last_run"]["run_id"] == held["run_id"]
    assert after["guard"]["last_run"]["held"][0]["kind"] == "creations"
    assert [event["kind"] for event in after["history"]] == ["held"]


def test_connector_whose_first_automatic_run_waits_says_so(engine: Engine) -> None:
    add(engine)
    assert explained(engine, "jane@contoso.com")["guard"]["approved"] is False
    engine.run()  # by hand
    assert explained(engine, "jane@contoso.com")["guard"]["approved"] is True


def test_doubtful_pairing_refuses_every_write(engine: Engine) -> None:
    add(engine)
    client, keys = engine.store.connection.client, engine.store.connection.keys
    client.delete(keys.pairings)
    engine.store.memory.save_pairing(engine.connector().home, "250", "doubtful")
    now = explained(engine, "jane@contoso.com")["now"]
    assert (now["action"], now["code"]) == ("refuse", "PairingUnconfirmed")


def test_missing_default_company_refuses_every_write(engine: Engine) -> None:
    add(engine)
    engine.psa.companies.clear()
    now = explained(engine, "jane@contoso.com")["now"]
    assert (now["action"], now["code"]) == ("refuse", "MissingCompanyID")


def test_past_is_told_the_newest_first(engine: Engine) -> None:
    user = add(engine)
    first = engine.run()
    engine.directory.change_user(user.id, job_title="Buyer")
    second = engine.run()
    past = explained(engine, user.id)["history"]
    assert [(event["kind"], event["run_id"], event["detail"]) for event in past] == [
        ("updated", second["run_id"], "job_title"),
        ("created", first["run_id"], contact_ids(engine)[0]),
    ]


def test_connector_that_cannot_be_asked_answers_in_the_same_shape(engine: Engine) -> None:
    add(engine)
    answer = failed("contoso", TenantError("consent_missing", vendor="graph"))
    assert answer["failure"]["code"] == "PermissionDenied"
    assert set(answer) == set(explained(engine, "jane@contoso.com"))
    assert set(answer) == set(explained(engine, "nobody@contoso.com"))


# --- cost ------------------------------------------------------------------------------------------------------------


def test_cost_depends_neither_on_the_number_of_users_nor_on_that_of_reports(engine: Engine) -> None:
    add(engine)
    engine.run()
    few = round_trips(engine, "jane@contoso.com")
    home = engine.connector().home
    links = {f"id-{number:06}": Link(contact_id=f"c{number}", company_id="250") for number in range(3000)}
    engine.store.memory.save_links(home, links)
    refuse_many(engine, 300)
    for _ in range(30):
        engine.run(user_principal_names=["jane@contoso.com"])
    assert round_trips(engine, "jane@contoso.com") == few
    assert few <= 24


def refuse_many(engine: Engine, number: int) -> None:
    client, key = engine.store.connection.client, engine.store.connection.keys.unfinished("contoso")
    client.hset(key, mapping={f"id-{at:06}": '{"kind": "refused", "since_ms": 1}' for at in range(number)})


def round_trips(engine: Engine, name: str) -> int:
    client = engine.store.connection.client
    explained(engine, name)  # whatever is learned once
    before = int(client.info("stats")["total_reads_processed"])
    explained(engine, name)
    return int(client.info("stats")["total_reads_processed"]) - before - 1
