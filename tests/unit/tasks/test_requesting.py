"""How a run is built and requested, whoever asks for it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks import codes
from tasks.request import SyncRequest
from tasks.requesting import RequestRefusedError, new_run, new_run_id, read_inputs, request_run
from tests.fakes.ledger import FakeLedger
from tests.unit.tasks.makers import make_connector

AT_MS = 1_795_485_600_000  # 2026-11-24T02:00:00Z


def test_run_id_sorts_by_time_and_names_the_connector() -> None:
    run_id = new_run_id("contoso", at_ms=AT_MS)
    assert re.fullmatch(r"20261124T020000-contoso-[a-z0-9]{6}", run_id)
    assert run_id < new_run_id("contoso", at_ms=AT_MS + 1000)
    assert len({new_run_id("contoso", at_ms=AT_MS) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("inputs", "trigger", "lane"),
    [
        ({}, "schedule", "bulk"),
        ({"sync_mode": "full"}, "cli", "bulk"),
        ({"department_filter": "IT"}, "api", "bulk"),
        ({"user_principal_names": ["ann@contoso.com"]}, "cli", "targeted"),
        ({"user_principal_names": ["ann@contoso.com"]}, "event", "targeted"),
        ({}, "event", "bulk"),
    ],
)
def test_run_for_named_users_goes_through_the_reserved_lane(inputs: dict[str, object], trigger: str, lane: str) -> None:
    request = SyncRequest.from_run(inputs)
    run = new_run(make_connector(), request, trigger=trigger, run_id="r", at_ms=AT_MS)
    assert (run.lane, run.trigger, run.instance, run.requested_at_ms) == (lane, trigger, "main", AT_MS)


def test_run_carries_its_request_and_gives_it_back() -> None:
    request = SyncRequest(sync_mode="full", user_principal_names=("a@x.com", "b@x.com"), dry_run=True)
    run = new_run(make_connector(), request, trigger="api", run_id="r", at_ms=AT_MS)
    assert run.dry_run
    assert SyncRequest.from_run(run.request) == request


@pytest.mark.parametrize("trigger", ["cli", "api", "flower"])
def test_run_by_hand_of_a_disabled_connector_goes_ahead_with_a_warning(trigger: str) -> None:
    connector = make_connector(office365_sync_enabled=False)
    (warning,) = new_run(connector, SyncRequest(), trigger=trigger, run_id="r", at_ms=AT_MS).notes["warnings"]
    assert warning["code"] == codes.SYNC_DISABLED == "SyncDisabled"
    assert warning["user_principal_name"] is None
    assert "contoso" in warning["message"]
    assert new_run(make_connector(), SyncRequest(), trigger=trigger, run_id="r", at_ms=AT_MS).notes == {}


def test_request_is_in_the_ledger_before_its_start_is_published() -> None:
    ledger = FakeLedger(make_connector(), now_ms=AT_MS)
    run = request_run(ledger.ports, "contoso", {"dry_run": True}, trigger="api")
    assert ledger.runs == {run.run_id: run}
    assert ledger.log == [f"requested {run.run_id}", f"published {run.run_id}"]


def test_repeat_requests_another_run() -> None:
    ledger = FakeLedger(make_connector(), now_ms=AT_MS)
    runs = [request_run(ledger.ports, "contoso", SyncRequest(), trigger="cli") for _ in range(3)]
    assert len({run.run_id for run in runs}) == len(ledger.runs) == 3


def test_run_id_that_is_taken_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = FakeLedger(make_connector(), now_ms=AT_MS)
    letters = iter("aaaaaa" * 2 + "bbbbbb")
    monkeypatch.setattr("tasks.requesting.secrets.choice", lambda _: next(letters))
    first, second = (request_run(ledger.ports, "contoso", {}, trigger="cli") for _ in range(2))
    assert (first.run_id[-6:], second.run_id[-6:]) == ("aaaaaa", "bbbbbb")


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"department_filter": " , ,"}, "department_filter: Value error, names nothing"),
        ({"office_location_filter": ","}, "office_location_filter: Value error, names nothing"),
        ({"department_filter": ""}, "department_filter: String should have at least 1 character"),
        ({"user_principal_names": ["ann@contoso.com", " "]}, "user_principal_names.1: String should have"),
        ({"company_id": " "}, "company_id: String should have"),
        ({"company_id": 250}, "company_id: Input should be a valid string"),
        ({"user_principal_names": "ann@contoso.com"}, "user_principal_names: Input should be a valid"),
    ],
)
def test_inputs_that_make_no_sense_are_refused_with_the_reason(inputs: dict[str, object], reason: str) -> None:
    with pytest.raises(RequestRefusedError, match=re.escape(reason)):
        read_inputs(inputs)


SENSIBLE: dict[str, tuple[object, ...]] = {
    "sync_mode": ("full", "incremental"),
    "company_id": ("250",),
    "department_filter": (" Sales , it",),
    "office_location_filter": ("Berlin",),
    "user_principal_names": ([" Ann@contoso.com", "ann@CONTOSO.com "],),
    "skip_disabled_users": (True, False),
    "update_existing": (True, False),
    "dry_run": (True, False),
}


@given(st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in SENSIBLE.items()}))
def test_any_combination_of_the_eight_inputs_is_taken_and_given_back(inputs: dict[str, object]) -> None:
    request = read_inputs(inputs)
    assert SyncRequest.from_run(request.model_dump(mode="json")) == request
    assert set(SENSIBLE) == set(SyncRequest.model_fields)
    if "user_principal_names" in inputs:
        assert request.user_principal_names == ("ann@CONTOSO.com",)


def test_unknown_connector_and_wrong_inputs_are_refused_before_anything_is_written() -> None:
    ledger = FakeLedger(make_connector(), now_ms=AT_MS)
    with pytest.raises(KeyError):
        request_run(ledger.ports, "nobody", {}, trigger="cli")
    for inputs in ({"sync_mod": "full"}, {"sync_mode": "half"}, {"dry_run": "yes"}):
        with pytest.raises(ValidationError):
            request_run(ledger.ports, "contoso", inputs, trigger="cli")
    assert ledger.log == []
