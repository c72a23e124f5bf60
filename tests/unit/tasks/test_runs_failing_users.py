"""Failures of one user: refused, outwaited, looked into, given up; never a second contact."""

from adapters.errors import BudgetError, TransientError, WireError
from tests.fakes.engine import Engine
from tests.fakes.reports import changes, codes, counts, names

AWAY = TransientError("server_error", vendor="connectwise", status=503)
STRANGE = WireError("shape_unknown", vendor="connectwise", status=200)


def test_refused_creation_carries_the_psas_own_words(engine: Engine) -> None:
    engine.directory.add_users(3)
    engine.psa.refuse("create_contact", field="email", message="Duplicate contact email")
    report = engine.run(sync_mode="full")
    assert counts(report) == (2, 0, 0, 1)
    (error,) = report["errors"]
    assert error["code"] == "ContactCreationFailed"
    assert error["psa_error"] == "Duplicate contact email"
    assert "email" in error["message"]
    assert report["users_unprocessed"] == []
    assert counts(engine.run()) == (1, 0, 0, 0)


def test_refused_change_is_an_update_that_failed(engine: Engine) -> None:
    user = engine.directory.add_user("ann")
    engine.run(sync_mode="full")
    engine.directory.change_user(user.id, job_title="Buyer")
    engine.psa.refuse("update_contact", message="Locked")
    report = engine.run()
    assert codes(report) == ["ContactUpdateFailed"]
    assert report["errors"][0]["psa_error"] == "Locked"
    assert counts(engine.run()) == (0, 1, 0, 0)


def test_company_of_a_rule_that_does_not_exist_is_named(engine: Engine) -> None:
    engine.configure(company_rules=[{"when": "user.officeLocation == 'Berlin'", "company_id": "999"}])
    engine.directory.add_user("ann", office_location="Berlin")
    engine.directory.add_user("bob")
    foreseen = changes(engine.run(sync_mode="full", dry_run=True))
    report = engine.run(sync_mode="full")
    assert changes(report) == foreseen
    assert names(report, "created_contacts") == ["bob"]
    assert codes(report) == ["MissingCompanyID"]
    assert names(report, "errors") == ["ann"]
    assert "999" in report["errors"][0]["message"]


def test_long_words_of_the_psa_are_cut(engine: Engine) -> None:
    engine.directory.add_users(1)
    engine.psa.refuse("create_contact", message="x" * 5000)
    assert len(engine.run(sync_mode="full")["errors"][0]["psa_error"]) <= 500


def test_passing_failure_of_a_write_is_outwaited(engine: Engine) -> None:
    engine.directory.add_users(3)
    engine.psa.fail("create_contact", AWAY, times=2)
    assert counts(engine.run(sync_mode="full")) == (3, 0, 0, 0)
    assert len(engine.psa.contacts) == 3


def test_user_that_keeps_failing_is_given_up_at_its_horizon(engine: Engine) -> None:
    engine.directory.add_users(2)
    engine.with_timing(user_horizon_s=0.0)
    engine.psa.fail("create_contact", AWAY, times=99)
    report = engine.run(sync_mode="full")
    assert codes(report) == ["PSAConnectionError", "PSAConnectionError"]
    assert counts(report) == (0, 0, 0, 2)
    engine.psa.heal()
    assert counts(engine.run()) == (2, 0, 0, 0)


def test_spent_budget_is_no_failure_however_long_it_lasts(engine: Engine) -> None:
    engine.directory.add_users(2)
    engine.with_timing(user_horizon_s=0.0)
    spent = BudgetError("budget_spent", vendor="connectwise", retry_after_s=0.01)
    engine.psa.fail("create_contact", spent, times=7)
    engine.psa.fail("fetch_contacts", spent, times=3)
    assert counts(engine.run(sync_mode="full")) == (2, 0, 0, 0)


def test_rule_that_cannot_be_evaluated_for_a_user_is_that_users_error(engine: Engine) -> None:
    engine.configure(exclude=[{"name": "thirds", "when": "100 // (user.employeeId | default('1') | int) < 33"}])
    engine.directory.add_user("ann", employee_id="7")
    engine.directory.add_user("bob", employee_id="0")
    engine.directory.add_user("cid", employee_id="2")
    report = engine.run(sync_mode="full")
    assert names(report, "created_contacts") == ["cid"]
    assert names(report, "errors") == ["bob"]
    assert codes(report) == ["InvalidFieldMapping"]
    assert [row["rule"] for row in report["excluded"]] == ["thirds"]


def test_strange_answer_to_a_write_is_looked_into_not_repeated(engine: Engine) -> None:
    engine.directory.add_users(1)
    engine.psa.moments.plan_error("create_contact", STRANGE, moment="after")
    report = engine.run(sync_mode="full")
    assert counts(report) == (1, 0, 0, 0)
    assert engine.psa.calls["create_contact"] == 1


def test_mistake_of_ours_ends_no_run_and_doubles_no_contact(engine: Engine) -> None:
    engine.directory.add_users(2)
    engine.psa.moments.plan_error("create_contact", ZeroDivisionError(), moment="after")
    assert counts(engine.run(sync_mode="full")) == (2, 0, 0, 0)
    assert len(engine.psa.contacts) == 2


def test_write_that_never_becomes_clear_is_an_error_in_the_end(engine: Engine) -> None:
    engine.directory.add_users(2)
    engine.with_timing(write_deadline_s=0.05, write_margin_s=0.01)
    engine.psa.fail("create_contact", STRANGE, times=99)
    report = engine.run(sync_mode="full")
    assert codes(report) == ["ContactCreationFailed", "ContactCreationFailed"]
    engine.psa.heal()
    assert counts(engine.run()) == (2, 0, 0, 0)


def test_change_that_the_psa_takes_and_does_not_keep_is_no_endless_loop(engine: Engine) -> None:
    user = engine.directory.add_user("ann")
    engine.run(sync_mode="full")
    engine.directory.change_user(user.id, job_title="Buyer")
    engine.with_timing(write_deadline_s=0.05, write_margin_s=0.01)
    before = next(iter(engine.psa.contacts.values()))

    def forget() -> None:
        engine.psa.contacts[before.id] = before

    engine.psa.moments.watch(
        lambda method, moment: forget() if (method, moment) == ("update_contact", "after") else None
    )
    assert counts(engine.run()) == (0, 1, 0, 0)
