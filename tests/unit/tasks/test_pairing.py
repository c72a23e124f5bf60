"""Tenant and company: what speaks for them being one customer, and what runs do while nothing does."""

import pytest

from adapters.records import Company, Organization
from tasks.pairing import shared_domain
from tasks.ports import Json
from tests.fakes.engine import Engine

TENANT = Organization(id="t", name="Contoso", domains=("Contoso.com", "contoso.onmicrosoft.com"))


def company(*domains: str) -> Company:
    return Company(id="250", name="Contoso", active=True, domains=domains)


@pytest.mark.parametrize(
    ("domains", "emails", "shared"),
    [
        (("contoso.com",), (), "contoso.com"),
        (("shop.contoso.com",), (), "contoso.com"),
        ((), ("jane@CONTOSO.com",), "contoso.com"),
        ((), ("jane@contoso.onmicrosoft.com",), "contoso.onmicrosoft.com"),
        (("notcontoso.com",), ("jane@gmail.com", "no address"), None),
        ((), (), None),
        (("",), ("@",), None),
    ],
)
def test_shared_domain(domains: tuple[str, ...], emails: tuple[str, ...], shared: str | None) -> None:
    assert shared_domain(TENANT, company(*domains), emails) == shared


def judged(engine: Engine, word: str, company_id: str = "250") -> None:
    engine.store.connection.client.delete(engine.store.connection.keys.pairings)
    if word:
        engine.store.memory.save_pairing(engine.connector().home, company_id, word)


def codes_of(report: Json, kind: str) -> list[str]:
    return [row["code"] for row in report[kind]]


@pytest.mark.parametrize("inputs", [{"sync_mode": "full"}, {"user_principal_names": ["new@contoso.com"]}])
def test_doubtful_pairing_that_nobody_confirmed_ends_a_run_before_it_reads(engine: Engine, inputs: Json) -> None:
    engine.directory.add_user("new")
    judged(engine, "doubtful")
    report = engine.run(**inputs)
    assert codes_of(report, "errors") == ["PairingUnconfirmed"]
    assert "contact-sync check contoso --confirm" in report["errors"][0]["message"]
    assert report["success"] is False
    assert engine.psa.writes == []


def test_doubtful_pairing_lets_a_dry_run_go_and_says_so(engine: Engine) -> None:
    engine.directory.add_user("new")
    judged(engine, "doubtful")
    report = engine.run(sync_mode="full", dry_run=True)
    assert report["statistics"]["contacts_created"] == 1
    assert codes_of(report, "warnings")[0] == "PairingUnconfirmed"


def test_confirmed_pairing_stays_so_when_it_is_checked_again(engine: Engine) -> None:
    engine.directory.add_user("new")
    judged(engine, "confirmed")
    engine.store.memory.save_pairing(engine.connector().home, "250", "doubtful")
    report = engine.run(sync_mode="full")
    assert report["statistics"]["contacts_created"] == 1
    assert "PairingUnconfirmed" not in codes_of(report, "errors") + codes_of(report, "warnings")


def test_company_that_the_run_was_given_is_what_counts(engine: Engine) -> None:
    engine.psa.add_company("251")
    engine.directory.add_user("new")
    judged(engine, "doubtful", "251")
    assert codes_of(engine.run(sync_mode="full", company_id="251"), "errors") == ["PairingUnconfirmed"]


def test_first_run_of_a_pairing_that_was_never_checked_says_so_once(engine: Engine) -> None:
    engine.directory.add_user("new")
    judged(engine, "")
    assert codes_of(engine.run(sync_mode="full"), "warnings").count("PairingUnchecked") == 1
    assert "PairingUnchecked" not in codes_of(engine.run(sync_mode="full"), "warnings")
