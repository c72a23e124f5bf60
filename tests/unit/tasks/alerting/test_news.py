"""The incidents: one message a cause and one when it is over, no storm, nothing forgotten."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.records import Run
from tasks.alerting.facts import fact_of
from tasks.alerting.news import advance, not_successful
from tasks.alerting.texts import compose, harmless
from tasks.incidents import AlertRules, Condition, Incident, Notice, Standing

RULES = AlertRules(gather_s=60, over_s=600, remind_s=86_400)
MINUTE = 60_000
HOUR = 60 * MINUTE


class Watch:
    """Rounds of a minute each."""

    def __init__(self, *connectors: str, rules: AlertRules = RULES) -> None:
        self.connectors = connectors or ("contoso",)
        self.rules = rules
        self.now = HOUR
        self.standing = Standing()
        self.notices: list[Notice] = []
        self.conditions: list[Condition] = []

    def round(self, *facts: dict[str, Any], minutes: int = 1) -> list[Notice]:
        self.now += minutes * MINUTE
        self.standing, notices = advance(
            Standing.model_validate_json(self.standing.model_dump_json()),
            facts=facts,
            conditions=self.conditions,
            connectors=self.connectors,
            rules=self.rules,
            now_ms=self.now,
        )
        self.notices += notices
        return notices

    def told(self, minutes: int = 0) -> list[tuple[str, str]]:
        for _ in range(minutes):
            self.round()
        return [(notice.kind, notice.incident.reason) for notice in self.notices]

    def failed(self, connector: str = "contoso", *, place: str = "main", reason: str = "Down", **facts: Any) -> Any:
        values = {"failed": True, "place": place, "reason": reason}
        return self.ended(connector, **{**values, **facts})

    def ended(self, connector: str = "contoso", **facts: Any) -> Any:
        values: dict[str, Any] = {
            "run_id": f"{connector}-{self.now}",
            "connector": connector,
            "instance": "main",
            "failed": False,
            "place": connector,
            "reason": "",
            "whole": True,
            "errors": 0,
            "processed": 100,
            "at_ms": self.now,
        }
        return {**values, **facts}


def test_two_hundred_connectors_failing_by_one_cause_are_one_message_and_one_when_it_is_over() -> None:
    names = [f"c{number}" for number in range(200)]
    watch = Watch(*names)
    for name in names[:150]:
        watch.round(watch.failed(name), minutes=0)
    for _ in range(3):
        watch.round()
    (opened,) = watch.notices
    assert (opened.kind, opened.incident.place, len(opened.incident.members)) == ("opened", "main", 150)
    watch.round(*(watch.failed(name) for name in names[150:]))
    assert watch.told(30) == [("opened", "Down")], "later members are added silently"
    watch.round(*(watch.ended(name) for name in names))
    assert watch.told(12) == [("opened", "Down"), ("over", "Down")]
    assert len(watch.notices[-1].incident.met) == 200
    assert watch.standing.incidents == {}


def test_message_waits_for_others_that_the_cause_hits() -> None:
    watch = Watch("a", "b")
    assert watch.round(watch.failed("a")) == []
    (opened,) = watch.round(watch.failed("b"))
    assert set(opened.incident.members) == {"a", "b"}


def test_causes_of_their_own_are_told_apart() -> None:
    watch = Watch("a", "b")
    watch.round(watch.failed("a", place="a", reason="graph consent_missing"))
    watch.round(watch.failed("b", place="b", reason="graph consent_missing"))
    assert len(watch.told(3)) == 2


def test_cause_that_changes_moves_its_connector() -> None:
    watch = Watch()
    watch.round(watch.failed())
    watch.told(2)
    watch.round(watch.failed(reason="Key dead"))
    assert watch.told(12) == [("opened", "Down"), ("opened", "Key dead"), ("over", "Down")]


def test_trouble_that_comes_and_goes_is_one_incident() -> None:
    watch = Watch()
    for _ in range(20):
        watch.round(watch.failed())
        watch.round(watch.ended(), minutes=4)
    assert watch.told(15) == [("opened", "Down"), ("over", "Down")]


def test_open_incident_is_told_again_once_a_day() -> None:
    watch = Watch()
    watch.round(watch.failed())
    watch.told(1)
    for _ in range(2 * 24):
        watch.round(minutes=60)
    assert watch.told() == [("opened", "Down"), ("reminder", "Down"), ("reminder", "Down")]


def test_so_many_failed_runs_in_a_row_as_the_rules_say() -> None:
    watch = Watch(rules=AlertRules(failed_runs=3))
    for fact in (watch.failed, watch.failed, watch.ended, watch.failed, watch.failed):
        watch.round(fact())
    assert watch.told(3) == []
    watch.round(watch.failed())
    assert watch.told(3) == [("opened", "Down")]


def test_targeted_run_that_ends_well_does_not_hide_a_nightly_one_that_fails() -> None:
    watch = Watch(rules=AlertRules(failed_runs=2))
    watch.round(watch.failed())
    watch.round(watch.ended(whole=False))
    watch.round(watch.failed())
    watch.round(watch.ended(whole=False))
    assert watch.told(30) == [("opened", "Down")]


def test_targeted_run_that_failed_is_made_good_by_one_that_did_not() -> None:
    watch = Watch()
    watch.round(watch.failed(whole=False))
    watch.told(3)
    watch.round(watch.ended(whole=False))
    assert watch.told(12) == [("opened", "Down"), ("over", "Down")]


@pytest.mark.parametrize(
    ("errors", "processed", "is_told"), [(2, 2, False), (3, 100, False), (10, 100, False), (11, 100, True)]
)
def test_error_rate_needs_share_and_number(errors: int, processed: int, is_told: bool) -> None:
    watch = Watch()
    watch.round(watch.ended(errors=errors, processed=processed, code="DuplicateContact"))
    assert bool(watch.told(2)) is is_told


def test_error_rate_by_the_psa_is_one_incident_and_by_the_customer_one_each() -> None:
    watch = Watch("a", "b")
    many = {"errors": 50}
    watch.round(*(watch.ended(name, **many, code="ContactUpdateFailed") for name in "ab"))
    assert watch.told(2) == [("opened", "ContactUpdateFailed")]
    watch.round(*(watch.ended(name, **many, code="DuplicateContact") for name in "ab"))
    assert watch.told(12).count(("opened", "DuplicateContact")) == 2


def test_connector_without_a_run_to_its_end_is_late_after_so_many_hours() -> None:
    watch = Watch(rules=AlertRules(not_successful_s=3600))
    watch.round(watch.ended())
    ended_ms = watch.now - MINUTE
    late = {"rules": watch.rules}
    assert not_successful(watch.standing, "contoso", now_ms=ended_ms + HOUR, **late) is None
    assert not_successful(watch.standing, "contoso", now_ms=ended_ms + HOUR + 1, **late) == ended_ms
    watch.round(watch.ended(whole=False), minutes=50)
    assert not_successful(watch.standing, "contoso", now_ms=ended_ms + HOUR + 1, **late) == ended_ms
    watch.round(watch.failed())
    assert not_successful(watch.standing, "contoso", now_ms=watch.now + 9 * HOUR, **late) is None, "told already"


def test_connector_that_never_ran_counts_from_its_first_sight() -> None:
    watch = Watch(rules=AlertRules(not_successful_s=3600))
    watch.round()
    first_ms = watch.now
    watch.round(minutes=30)
    assert not_successful(watch.standing, "contoso", rules=watch.rules, now_ms=first_ms + HOUR + 1) == first_ms


def test_condition_opens_and_its_end_closes() -> None:
    watch = Watch()
    watch.conditions = [Condition("budget", "main", "nothing may be sent", "main", detail="30 minutes")]
    assert watch.told(2) == [("opened", "nothing may be sent")]
    watch.conditions = []
    assert watch.told(12)[-1] == ("over", "nothing may be sent")


def test_expiry_is_told_weekly_and_in_the_last_week_daily() -> None:
    watch = Watch()
    for days_left in range(30, -1, -1):
        watch.conditions = [Condition("expiry", "graph_app main", "certificate", "certificate", days_left=days_left)]
        watch.round(minutes=24 * 60)
    kinds = [kind for kind, _ in watch.told()]
    assert kinds[0] == "opened"
    assert 9 <= kinds.count("reminder") <= 12


def test_connector_that_is_no_longer_configured_ends_its_incident() -> None:
    watch = Watch("contoso", "gone")
    watch.round(watch.failed("gone"))
    watch.told(2)
    watch.connectors = ("contoso",)
    assert watch.told(12)[-1] == ("over", "Down")
    assert set(watch.standing.health) == {"contoso"}


def test_fact_of_an_unknown_connector_is_left_alone() -> None:
    watch = Watch()
    watch.round(watch.failed("stranger"))
    assert watch.told(3) == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans(), st.integers(0, 20)), max_size=40))
def test_each_incident_is_opened_before_it_is_over_and_ends_with_its_last_member(
    news: list[tuple[str, bool, bool, int]],
) -> None:
    watch = Watch("a", "b", "c")
    for connector, failed, whole, minutes in news:
        fact = watch.failed if failed else watch.ended
        watch.round(fact(connector, whole=whole), minutes=minutes)
    watch.round(*(watch.ended(name) for name in "abc"))
    watch.told(15)
    balance: dict[str, int] = {}
    for notice in watch.notices:
        change = {"opened": 1, "over": -1, "reminder": 0}[notice.kind]
        balance[notice.key] = balance.get(notice.key, 0) + change
        assert balance[notice.key] in {0, 1}
    assert set(balance.values()) <= {0}
    assert watch.standing.incidents == {}


# --- what a run tells -------------------------------------------------------------------------------------------------


def a_run(**facts: Any) -> Run:
    values = {"run_id": "r1", "connector_id": "contoso", "instance": "main", "lane": "bulk", "trigger": "cli"}
    return Run.model_validate({**values, "request": {}, **facts})


def fact(run: Run, *, errors: int = 0, processed: int = 0) -> Any:
    statistics = {"errors": errors, "users_processed": processed, "total_office365_users": 500}
    return fact_of(run, {"statistics": statistics}, at_ms=7)


@pytest.mark.parametrize("stopping", ["cancelled", "ConnectorBusy", "UnknownConnector"])
def test_run_that_was_not_wanted_is_no_failure(stopping: str) -> None:
    assert fact(a_run(stopping=stopping)) is None


def test_dry_run_tells_nothing() -> None:
    assert fact(a_run(dry_run=True, stopping="PSAConnectionError")) is None


@pytest.mark.parametrize(
    ("stopping", "cause"),
    [
        ("PSAConnectionError", ("main", "PSAConnectionError")),
        ("GraphConnectionError", ("Microsoft 365", "GraphConnectionError")),
        ("MissingCompanyID", ("contoso", "MissingCompanyID")),
    ],
)
def test_cause_is_where_the_trouble_is(stopping: str, cause: tuple[str, str]) -> None:
    told = fact(a_run(stopping=stopping))
    assert told["failed"]
    assert (told["place"], told["reason"]) == cause


def test_refused_users_of_an_incremental_run_are_measured_by_the_whole_tenant() -> None:
    assert fact(a_run(), errors=5, processed=5)["processed"] == 500
    assert fact(a_run(request={"user_principal_names": ["a@b.c"]}), errors=1, processed=1)["processed"] == 1


# --- what is said -----------------------------------------------------------------------------------------------------


def a_notice(number: int = 1, **facts: Any) -> Notice:
    standing, _ = advance(
        Standing(),
        facts=[Watch().failed(f"c{number}", run_id=f"run-{number}", **facts)],
        conditions=[],
        connectors=[f"c{number}"],
        rules=RULES,
        now_ms=HOUR,
    )
    (incident,) = standing.incidents.values()
    return Notice("opened", f"k{number}", incident, HOUR)


def test_message_says_what_numbers_first_errors_and_the_command() -> None:
    rows: list[dict[str, Any]] = [
        {"user_principal_name": None, "code": "PSAConnectionError", "message": "connectwise: timeout; wait"},
        {"user_principal_name": "ann@contoso.com", "code": "ContactUpdateFailed", "message": "Ann Lee, +49 1"},
    ]
    (text,) = compose([a_notice()], {"run-1": rows})
    assert text.title == "contact-sync: main: runs fail (Down)"
    assert "Hit: 1 connector: c1" in text.body
    assert "- c1: PSAConnectionError: connectwise: timeout; wait" in text.body
    assert "- c1: ann@contoso.com: ContactUpdateFailed" in text.body
    assert "Ann Lee" not in text.body, "nothing personal but the user principal name"
    assert text.body.endswith("Look closer: contact-sync report run-1 --errors")


def test_many_incidents_of_one_round_are_one_message() -> None:
    assert len(compose([a_notice(number) for number in range(5)], {})) == 5
    (text,) = compose([a_notice(number, place=f"c{number}") for number in range(6)], {})
    assert text.title == "contact-sync: 6 pieces of news at once"
    assert text.body.count("runs fail") == 6


@pytest.mark.parametrize(
    ("nasty", "gone"),
    [
        ("<script>alert(1)</script>@x", "<"),
        ("[click](https://evil.example)", "]("),
        ("see https://evil.example", "://"),
        ("\x1b[31mred\x1b]0;title\x07", "\x1b"),
        ("<!channel> hey", "<!"),
        ("@everyone@contoso.com", "@everyone"),
        ("@@hereere", "@here"),
        ("a\r\nLook closer: rm -rf", "\n"),
        ("\u202eevil\u2066", "\u202e"),
        ("**bold** `code` ~strike~ |spoiler|", "*"),
        ("&lt;b&gt;", "&"),
    ],
)
def test_text_of_a_tenant_is_harmless(nasty: str, gone: str) -> None:
    assert gone not in harmless(nasty)


def test_names_stay_readable() -> None:
    assert harmless("jörg.o_brien-2@contoso.com") == "jörg.o_brien-2@contoso.com"


@given(st.text(max_size=400))
def test_no_text_gets_markup_or_controls_through(text: str) -> None:
    shown = harmless(text)
    assert not set(shown) & set("<>[]`*|\\&\x1b\n\r")
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Zl", "Zp"}
    assert "@here" not in shown.casefold()


def test_incident_is_told_by_its_state_alone() -> None:
    assert Incident.model_validate_json(a_notice().incident.model_dump_json()) == a_notice().incident
