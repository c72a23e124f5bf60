"""`decide` and `decisions`: what is settled is shown with who, when and why; what cannot be is refused."""

import getpass
import json
from collections.abc import Iterator

import pytest

from adapters.errors import TenantError
from adapters.store import open_store
from tests.fakes.engine import Engine
from tests.unit.worker.cli.conftest import Command
from tests.unit.worker.conftest import Installation
from worker.cli import decisions
from worker.cli.exits import Exit

ANN = "ann@contoso.com"


@pytest.fixture
def engine(stored: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    store = open_store(str(stored.load().service.redis_url.get_secret_value()))  # type: ignore[union-attr]
    engine = Engine(store)
    monkeypatch.setattr(decisions, "requesting_ports", lambda settings, store: engine.ports)
    engine.directory.add_user("ann")
    engine.psa.add_contact(first_name="Ann", last_name="Example", email=ANN)
    yield engine
    store.close()


def test_decision_is_shown_with_who_when_and_why(command: Command, engine: Engine) -> None:
    until = ("--until", "2126-12-31")
    code, out, _ = command(
        "decide", "contoso", ANN, "ignore", "--reason", "on\x1b[31m leave", "--by", "bo", *until, "--json"
    )
    row = json.loads(out)
    assert code == Exit.SUCCESS
    assert (row["action"], row["by"], row["until"], row["counts"]) == ("ignore", "bo", "2127-01-01T00:00:00Z", True)
    assert row["since"].startswith("20")
    code, out, _ = command("decisions", "--json")
    assert (code, json.loads(out)) == (Exit.SUCCESS, row)
    code, out, _ = command("decisions", "contoso")
    assert code == Exit.SUCCESS
    assert "ignore" in out
    assert "\x1b" not in out
    assert engine.run(sync_mode="full")["statistics"]["contacts_skipped"] == 1
    assert command("release", "contoso", ANN)[0] == Exit.SUCCESS
    code, out, err = command("decisions", "contoso")
    assert (code, out, err) == (Exit.SUCCESS, "", "nothing was decided about anybody")


def test_whoever_decides_is_called_by_the_login_unless_it_is_said(
    command: Command, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "jo")
    assert command("decide", "contoso", ANN, "create", "--reason", "another Ann")[0] == Exit.SUCCESS
    (made,) = engine.store.decisions.iter_all("contoso")
    assert (made.by, made.reason, made.action) == ("jo", "another Ann", "create")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("fabrikam", ANN, "ignore"), "no connector 'fabrikam'"),
        (("contoso", "bob@contoso.com", "ignore"), "knows no user bob@contoso.com"),
        (("contoso", ANN, "link"), "needs the id"),
        (("contoso", ANN, "link", "4711"), "does not exist in the PSA"),
        (("contoso", ANN, "forget"), "forget cannot be decided"),
        (("contoso", ANN, "ignore", "--until", "soon"), "soon is no day"),
        (("contoso", ANN, "ignore", "--until", "2020-01-01"), "ended already"),
    ],
)
def test_mistake_is_said_and_nothing_is_decided(
    command: Command, engine: Engine, arguments: tuple[str, ...], words: str
) -> None:
    code, out, err = command("decide", *arguments, "--reason", "why not", "--by", "bo")
    assert (code, out) == (Exit.USAGE, "")
    assert words in err
    assert list(engine.store.decisions.iter_all("contoso")) == []


def test_vendor_that_cannot_be_asked_leaves_things_as_they_are(command: Command, engine: Engine) -> None:
    engine.directory.fail("fetch_user", TenantError("consent_missing", vendor="graph"), times=9)
    code, _, err = command("decide", "contoso", ANN, "create", "--reason", "x", "--by", "bo")
    assert code == Exit.NOT_RUN
    assert "nothing was decided" in err
    assert list(engine.store.decisions.iter_all("contoso")) == []
