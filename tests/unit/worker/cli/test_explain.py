"""`explain`: sentences for people, JSON for programs, exit codes; nobody's name reaches the terminal as it is."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adapters.errors import TenantError
from adapters.records import UserDecision
from adapters.store import open_store
from tasks.connector import Rule
from tests.fakes.directory import FakeDirectory
from tests.fakes.engine import Engine
from tests.unit.worker.conftest import Installation
from worker.cli import explain, main
from worker.cli.exits import Exit

JANE = "jane@contoso.com"
HOSTILE = "Jane \x1b[31m\x1b]0;owned\x07\u202eevil [bold]\nline"
Explain = Callable[..., tuple[int, str, str]]


@pytest.fixture
def engine(stored: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    store = open_store(str(stored.load().service.redis_url.get_secret_value()))  # type: ignore[union-attr]
    engine = Engine(store)
    monkeypatch.setattr(explain, "requesting_ports", lambda settings, store: engine.ports)
    yield engine
    store.close()


@pytest.fixture
def run(engine: Engine, capsys: pytest.CaptureFixture[str]) -> Explain:
    del engine  # it must be there before a command looks

    def explained(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(["explain", *arguments])
        shown = capsys.readouterr()
        return int(end.value.code or 0), shown.out, shown.err

    return explained


def add_second(engine: Engine) -> FakeDirectory:
    second = FakeDirectory()
    engine.psa.add_company("260")
    engine.add_connector(
        "fabrikam", second, tenant_id="22222222-2222-4222-8222-222222222222", psa_default_company_id="260"
    )
    return second


def words(text: str) -> str:
    return " ".join(text.split())


def test_decision_is_told_in_a_sentence(engine: Engine, run: Explain) -> None:
    user = engine.directory.add_user("jane")
    decision = UserDecision(
        user_id=user.id, name=JANE, reason="on\x1b[31m leave", by="bo", at_ms=0, until_ms=4_000_000_000_000
    )
    engine.store.decisions.save("contoso", [decision], rows={})
    code, out, _ = run(JANE, "contoso")
    assert code == Exit.SUCCESS
    assert "\x1b" not in out
    said = words(out)
    assert 'Decided by bo on 1970-01-01T00:00:00Z, until 2096-10-02T07:06:40Z: ignore ("on[31m leave").' in said
    assert "A run now: nothing would be written: OnHold:" in said


def test_user_is_told_in_sentences(engine: Engine, run: Explain) -> None:
    user = engine.directory.add_user("jane", business_phones=("+49 30 1",), job_title="Buyer")
    engine.run()
    engine.directory.change_user(user.id, job_title="Boss")
    code, out, _ = run(JANE, "contoso")
    assert code == Exit.SUCCESS
    said = words(out)
    assert said.startswith("contoso: Jane Example — the contact would be updated")
    for sentence in (
        f"Found in the tenant by its user principal name: {JANE}, object id {user.id};",
        "the account is enabled, a Member.",
        "In scope: no rule leaves the user out.",
        "It belongs to company 250, the default.",
        f"(Jane Example, {JANE}): taken, by the link to this user that we keep.",
        'job_title Buyer Boss yes update = "always": a difference is written',
        "The guard's limits for a run: creations 10, deactivations 1, rewrites of a field 10 (1 contacts).",
        f"contact {next(iter(engine.psa.contacts))} created",
    ):
        assert sentence in said


def test_text_of_tenant_and_psa_is_harmless(engine: Engine, run: Explain) -> None:
    engine.directory.add_user("jane", display_name=HOSTILE, given_name=HOSTILE, job_title=HOSTILE)
    for name in ("A", "B"):
        engine.psa.add_contact(email=JANE, first_name=HOSTILE, last_name=name)
    engine.configure(exclude=(Rule(name="x\x1b[2J", when="user.city == '\x1b[2J'"),))
    code, out, err = run(JANE)
    assert code == Exit.SUCCESS
    assert "DuplicateContact" in out
    assert not set("\x1b\x07\u202e").intersection(out + err)
    assert "[bold]" in out


def test_json_is_one_object_a_line_and_nothing_else(engine: Engine, run: Explain) -> None:
    engine.directory.add_user("jane")
    add_second(engine)
    code, out, _ = run(JANE, "--json", "--all")
    assert code == Exit.SUCCESS
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(row["connector"], row["found"]["where"]) for row in rows] == [
        ("contoso", "tenant"),
        ("fabrikam", "nowhere"),
    ]


def test_connectors_that_do_not_know_the_user_are_named_together(engine: Engine, run: Explain) -> None:
    engine.directory.add_user("jane")
    add_second(engine)
    code, out, err = run(JANE)
    assert code == Exit.SUCCESS
    assert "fabrikam" not in out
    assert f"{JANE} is unknown in fabrikam" in words(err)


def test_user_in_no_tenant_is_said_and_is_an_error(engine: Engine, run: Explain) -> None:
    code, out, _ = run("nobody@contoso.com", "contoso")
    assert code == Exit.ERRORS
    assert "contoso: knows no such user" in out
    assert "none was deleted under it within the last 30 days" in words(out)
    add_second(engine)
    code, out, err = run("nobody@contoso.com")
    assert (code, out) == (Exit.ERRORS, "")
    assert "unknown in contoso, fabrikam" in words(err)


def test_connector_that_fails_says_why_and_the_others_go_on(engine: Engine, run: Explain) -> None:
    engine.directory.add_user("jane")
    second = add_second(engine)
    second.fail("fetch_user", TenantError("consent_missing", vendor="graph"))
    code, out, _ = run(JANE)
    assert code == Exit.NOT_RUN
    assert "contoso: Jane Example — a contact would be created" in out
    assert "fabrikam: could not be asked" in out
    assert "PermissionDenied" in out


def test_user_that_is_gone_for_good_is_known_by_its_object_id(engine: Engine, run: Explain) -> None:
    user = engine.directory.add_user("jane")
    engine.run()
    engine.directory.delete_user(user.id, permanently=True)
    code, out, _ = run(user.id, "contoso")
    assert code == Exit.SUCCESS
    assert "has no user of this object id any more" in words(out)
    assert "UserLeft" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((JANE, "contosso"), "did you mean 'contoso'?"),
        ((JANE, "contoso", "--all"), "--all takes no connectors"),
        (("  ",), "names nobody"),
    ],
)
def test_wrong_arguments_are_explained(run: Explain, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (Exit.USAGE, "")
    assert said in words(err)


def test_past_says_how_often_the_same_refusal_came(engine: Engine, run: Explain) -> None:
    engine.directory.add_user("jane")
    for name in ("A", "B"):
        engine.psa.add_contact(email=JANE, last_name=name)
    runs: list[dict[str, Any]] = [engine.run(sync_mode="full") for _ in range(3)]
    _, out, _ = run(JANE)
    assert "failed: DuplicateContact (3 runs in a row, since" in words(out)
    assert runs[-1]["run_id"] in out
    assert "Since" in out
    assert "it was refused: DuplicateContact" in words(out)
