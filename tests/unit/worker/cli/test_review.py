"""`contact-sync review`: what waits for a person is listed with what settles it, and goes when it is settled."""

import json
from collections.abc import Iterator

import pytest

from adapters.store import open_store
from tasks.requesting import request_run
from tasks.settling import Proposal, decide
from tests.fakes.directory import FakeDirectory
from tests.fakes.engine import Engine
from tests.unit.worker.cli.conftest import Command
from tests.unit.worker.conftest import Installation
from worker.cli import decisions, review
from worker.cli.exits import Exit
from worker.reviewing import waiting


@pytest.fixture
def engine(stored: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    store = open_store(str(stored.load().service.redis_url.get_secret_value()))  # type: ignore[union-attr]
    engine = Engine(store)
    for module in (review, decisions):
        monkeypatch.setattr(module, "requesting_ports", lambda settings, store: engine.ports)
    yield engine
    store.close()


def kinds(engine: Engine) -> list[tuple[str, str | None]]:
    return [(row["kind"], row["user_principal_name"]) for row in waiting(engine.connector(), engine.store)]


def twins(engine: Engine, name: str = "ann") -> None:
    engine.directory.add_user(name)
    for _ in range(2):
        engine.psa.add_contact(first_name=name.title(), last_name="Example", email=f"{name}@contoso.com")


def test_possible_duplicate_waits_until_it_is_decided_by_a_command_that_is_named(
    engine: Engine, command: Command
) -> None:
    twins(engine)
    assert kinds(engine) == []
    engine.run(sync_mode="full")
    code, out, _ = command("review", "contoso", "--json")
    row = json.loads(out)
    assert code == Exit.SUCCESS
    assert (row["kind"], row["code"], row["user_principal_name"]) == (
        "possible duplicate",
        "DuplicateContact",
        "ann@contoso.com",
    )
    (create,) = (each for each in row["commands"] if " create " in each)
    assert create == "contact-sync decide contoso ann@contoso.com create --reason TEXT"
    assert command(*create.split()[1:], "--by", "bo")[0] == Exit.SUCCESS
    assert kinds(engine) == [], "decided"
    engine.run()
    assert kinds(engine) == []
    assert command("review", "--all") == (Exit.SUCCESS, "", "nothing waits for a decision")


def test_people_are_told_in_lines_that_no_terminal_obeys(engine: Engine, command: Command) -> None:
    engine.directory.add_user("eve", user_principal_name="e'v;e\x1b[31m@contoso.com")
    for _ in range(2):
        engine.psa.add_contact(first_name="Eve", last_name="Example", email="eve@contoso.com")
    engine.run(sync_mode="full")
    _, out, err = command("review")
    assert out.startswith("contoso: possible duplicate: e'v;e")
    assert "\x1b" not in out
    assert """decide contoso 'e'"'"'v;e""" in out, "a shell takes the name for one word"
    assert err == "1 wait for a decision"


def test_foreign_object_id_waits_until_it_is_gone_or_decided(engine: Engine) -> None:
    engine.directory.add_user("ann")
    contact = engine.psa.add_contact(
        first_name="Ann", last_name="Example", email="ann@contoso.com", entra_id="customer 7"
    )
    engine.run(sync_mode="full")
    engine.run()
    assert kinds(engine) == [("foreign object id", "ann@contoso.com")]
    engine.psa.contacts[contact.id] = contact.model_copy(update={"entra_id": None})
    engine.run(sync_mode="full")
    assert kinds(engine) == []


def test_contradiction_of_two_connectors_waits(engine: Engine) -> None:
    engine.directory.add_user("ann")
    second = FakeDirectory()
    engine.psa.add_company("260")
    engine.add_connector("fabrikam", second, psa_default_company_id="260")
    engine.run("fabrikam", sync_mode="full")
    engine.run(sync_mode="full")
    assert kinds(engine) == [("claimed twice", None)]


def test_held_run_and_doubtful_pairing_wait_with_their_commands(engine: Engine) -> None:
    engine.directory.add_users(2)
    engine.store.connection.client.delete(engine.store.connection.keys.pairings)
    engine.store.memory.save_pairing(engine.connector().home, "250", "doubtful")
    assert kinds(engine) == [("doubtful pairing", None)]
    engine.store.memory.save_pairing(engine.connector().home, "250", "confirmed")
    run = request_run(engine.ports, "contoso", {"sync_mode": "full"}, trigger="schedule")
    engine.work()
    (row,) = waiting(engine.connector(), engine.store)
    assert (row["kind"], row["run_id"]) == ("held run", run.run_id)
    assert f"contact-sync approve {run.run_id}" in row["commands"]


def test_other_refused_users_and_unusable_decisions_wait_too(engine: Engine) -> None:
    twins(engine)
    engine.directory.add_user("bob", mail="bob")
    engine.run(sync_mode="full")
    contact = next(iter(engine.psa.contacts.values()))
    made = Proposal(action="link", reason="asked her", by="bo", contact_id=contact.id)
    decide(engine.ports, engine.connector(), "ann@contoso.com", made)
    engine.psa.remove_contact(contact.id)
    engine.run()
    assert sorted(kinds(engine)) == [("refused", "bob@contoso.com"), ("unusable decision", "ann@contoso.com")]
